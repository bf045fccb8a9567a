"""What a drawing is made from."""

from dataclasses import dataclass

__all__ = ["Sketch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """The order for one drawing; `note` is the small line under the prompt."""

    prompt: str
    size: tuple[int, int]
    seed: int
    note: str = ""
    transparent: bool = False
