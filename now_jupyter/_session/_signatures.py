"""The keyword arguments of the verbs that make pictures: written once, for type checkers, help and completion."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, TypedDict, TypeVar, get_args

from .._options import OPTIONS

__all__ = ["AgainOptions", "EditOptions", "GenerateOptions", "OrderOptions", "VaryOptions", "expand_options"]

_Verb = TypeVar("_Verb", bound=Callable[..., Any])
_MARGIN = " " * 4


class _Around(TypedDict, total=False):
    output: str | None
    save: str | PathLike[str] | None
    yes: bool | None
    budget: str | float | None
    alt: str | None
    tag: str | Sequence[str] | None


class _Asked(TypedDict, total=False):
    model: str | None
    n: int | None
    size: str | None
    quality: str | None
    style: str | None
    background: str | None
    format: str | None
    compression: int | None
    negative: str | None
    seed: int | None
    params: Mapping[str, Any] | None
    preset: str | None
    service: str | None
    reuse: bool | None
    fresh: bool | None


class _Masked(TypedDict, total=False):
    mask: Any
    keep_outside: bool | None


class _Waited(TypedDict, total=False):
    timeout: float | None


class OrderOptions(_Asked, _Masked, _Around, total=False):
    """What an order may be given; None is "not given"."""

    image: Any
    vary: Any
    button: str | None


class GenerateOptions(OrderOptions, _Waited, total=False):
    """What may be given where the picture is waited for."""


class EditOptions(_Asked, _Masked, _Around, _Waited, total=False):
    """What may be given beside the picture that is edited."""


class VaryOptions(_Asked, _Around, _Waited, total=False):
    """What may be given beside the picture that is varied, or under which a button is pressed."""


class AgainOptions(_Around, _Waited, total=False):
    """What may be given where the request is as it was."""

    reuse: bool | None
    fresh: bool | None


def expand_options(verb: _Verb) -> _Verb:
    """Give a verb that takes `**options` the signature and the help of each of them."""
    own = inspect.signature(verb, eval_str=True)
    *others, options = own.parameters.values()
    (typed,) = get_args(options.annotation)  # Unpack[…]
    hints = typed.__annotations__
    expanded = [inspect.Parameter(name, options.KEYWORD_ONLY, default=None, annotation=hints[name]) for name in hints]
    verb.__signature__ = own.replace(parameters=[*others, *expanded])  # type: ignore[attr-defined]  # inspect reads it
    verb.__doc__ = f"{inspect.getdoc(verb) or ''}\n\nOptions:\n{_help_of(hints)}"
    return verb


def _help_of(names: Mapping[str, object]) -> str:
    texts = {{"param": "params"}.get(one.name, one.name): one.help for one in OPTIONS}
    return "\n".join(f"{_MARGIN}{name}: {texts[name]}." for name in names)
