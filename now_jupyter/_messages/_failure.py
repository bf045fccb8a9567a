"""A failure as records keep it: the templates and facts of an error, which say the same in either language later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ._errors import Billed, NowImageError, class_of_error
from ._text import Language, say

__all__ = ["Failure", "error_of", "failure_of"]

_SAME = ("advice", "kept", "status", "code", "request_id")  # what error and failure both call by these names


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a generation has no or too few pictures: the class and sentences of the error, and its facts.

    `template`, `advice` and `kept` are sentences of the catalogue with `{places}`; `facts` fill the places.
    """

    type: str
    template: str
    advice: str = ""
    kept: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    code: str | None = None
    request_id: str | None = None

    def message(self, language: Language = "en") -> str:
        """Return what happened, in one sentence."""
        return say(self.template, language, **self.facts)

    def __str__(self) -> str:
        return f"{self.type}: {self.message()}"


def failure_of(error: NowImageError) -> Failure:
    """Return what a record keeps of an error; whether it was billed, the record itself knows."""
    same = {name: getattr(error, name) for name in _SAME}
    return Failure(type=type(error).__name__, template=error.what, facts=dict(error.facts), **same)


def error_of(failure: Failure, *, billed: Billed) -> NowImageError:
    """Return the error that a failure was made of; it says the same, in either language."""
    same = {name: getattr(failure, name) for name in _SAME}
    error = class_of_error(failure.type)(failure.template, billed=billed, **same)
    error.facts = dict(failure.facts)
    return error
