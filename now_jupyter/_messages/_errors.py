"""Everything that can go wrong, as one tree, and as records keep it.

    NowImageError
    ├── InputError            the request is not one that can be sent
    │   └── NotConfirmed      it needs the user's word first
    ├── ConfigError           address, key or setting is missing or wrong
    ├── AuthError             the relay refuses the key
    ├── QuotaError            no money left at the relay
    ├── RateLimitError        too many requests; the relay asks to wait
    ├── RejectedError         the relay refuses this request (policy, model, field)
    ├── ConnectFailed         nothing was sent: name, connection, TLS, proxy
    ├── MaybeBilledError      sent, but no complete answer came
    ├── BadResponseError      an answer came and cannot be used
    ├── DownloadError         a picture was made, its link did not give it
    │   ├── UnsafeURLError
    │   ├── LinkExpiredError
    │   └── BadImageError
    ├── TaskFailed            the service gave up on the task
    ├── TaskStillPending      the task goes on longer than we wait
    ├── TaskLost              the service no longer knows the task
    ├── TaskNeedsAction       the service waits for the user's decision
    ├── ServiceError          a service's own code has a fault
    └── StoreError
        ├── StoreUnavailable
        ├── StoreFull
        ├── StoreCorrupt
        └── StoreTooNew

    Interrupted (a KeyboardInterrupt)   the cell was freed; the job goes on

A message has four parts: what happened, billed no/maybe/yes, what is kept, what to do next. In a notebook that is all
that is shown (`_render_traceback_`, which IPython asks for); errors that are bugs are none of these and keep their
traceback.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from .._bounds import Bounded, Few, Line, Text, Word, plain
from .._json import JSON
from ._text import Language, say

__all__ = [
    "AuthError",
    "BadImageError",
    "BadResponseError",
    "Billed",
    "ConfigError",
    "ConnectFailed",
    "DownloadError",
    "Failure",
    "InputError",
    "Interrupted",
    "LinkExpiredError",
    "MaybeBilledError",
    "NotConfirmed",
    "NowImageError",
    "QuotaError",
    "RateLimitError",
    "RejectedError",
    "ServiceError",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreTooNew",
    "StoreUnavailable",
    "TaskFailed",
    "TaskLost",
    "TaskNeedsAction",
    "TaskStillPending",
    "UnsafeURLError",
    "class_of_error",
    "error_of",
    "failure_of",
    "lines_of",
    "name_bug",
]

_SAME = ("advice", "kept", "status", "code", "request_id")  # what error and failure both call by these names
_PACKAGE = __name__.partition(".")[0]
Billed = Literal["no", "maybe", "yes"]
_LONGEST_SENTENCE = 1000
_LONGEST_ID = 80


class NowImageError(Exception):
    """Base of all errors that a user may meet.

    `what`, `kept` and `advice` are sentences of the catalogue (`zh.json`) with `{places}`; `facts` fill the places.
    """

    billed: Billed = "no"
    is_of_order = False
    """Whether something was to be bought, so that the message says what became of the money."""

    def __init__(  # noqa: PLR0913 - the four parts of a message and what support will ask for
        self,
        what: str,
        /,
        *,
        advice: str = "",
        kept: str = "",
        billed: Billed | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        **facts: object,
    ) -> None:
        """Build the error from sentences and facts; `billed` is the class's own where left out."""
        super().__init__(what)
        self.what = plain(what, _LONGEST_SENTENCE)
        self.advice = plain(advice, _LONGEST_SENTENCE)
        self.kept = plain(kept, _LONGEST_SENTENCE)
        self.facts: Mapping[str, str] = {name: plain(value) for name, value in facts.items()}
        self.status = status
        self.code = None if code is None else plain(code, _LONGEST_ID)
        self.request_id = None if request_id is None else plain(request_id, _LONGEST_ID)
        self.service = ""  # that was asked, where that is not the usual one
        self.language: Language = "en"
        self._spell: Callable[[str], str] = str
        self.rescued: tuple[bytes, ...] = ()  # pictures that only this error still holds, for the output to show
        self.answered: tuple[Mapping[str, JSON], bytes] | None = None  # the refusal that it was made of, to be kept
        self._short = True
        if billed is not None:
            self.billed = billed

    def _say(self, template: str) -> str:
        return plain(self._spell(say(template, self.language, **self.facts)), _LONGEST_SENTENCE)

    def add_facts(self, **facts: object) -> None:
        """Give more of what fills the places; a copy of the error has its own."""
        self.facts = {**self.facts, **{name: plain(value) for name, value in facts.items()}}

    def message(self) -> str:
        """Return what happened, in one sentence."""
        return self._say(self.what)

    def next_step(self) -> str:
        """Return what to do next; empty where there is nothing to do."""
        return self._say(self.advice)

    @property
    def _tells_billing(self) -> bool:
        return self.is_of_order or (self.billed != "no" and "billed" in vars(self))  # which nobody says of a mere look

    def of_order(self) -> Self:
        """Say that something was to be bought, and return the error."""
        self.is_of_order = True
        return self

    def lines(self) -> list[str]:
        """Return the whole message, at most six lines."""
        ledger = [say(f"billed: {self.billed}", self.language)] if self._tells_billing else []
        if self.kept:
            ledger.append(self._say(self.kept))
        if self.service:
            ledger.append(plain(self.service, _LONGEST_ID))
        if self.request_id:
            ledger.append(say("request id {id}", self.language, id=self.request_id))
        lines = [f"{type(self).__name__}: {self.message()}", *filter(None, [" · ".join(ledger)])]
        return [*lines, f"→ {self.next_step()}"] if self.advice else lines

    def __str__(self) -> str:
        return "\n".join([self.message(), *self.lines()[1:]])

    @property
    def _render_traceback_(self) -> Callable[[], list[str]]:
        if not self._short:
            raise AttributeError("a whole traceback is wanted")  # to IPython, an error without a rendering of its own
        return self.lines

    def shorten(self, *, on: bool) -> Self:
        """Choose between our few lines and a whole traceback, and return the error."""
        self._short = on
        return self

    def spelled(self, spell: Callable[[str], str]) -> Self:
        """Have options written as `spell` writes them in a sentence, and return the error."""
        self._spell = spell
        return self

    def in_language(self, language: Language) -> Self:
        """Set the language in which the error speaks, and return the error."""
        self.language = language
        return self


def lines_of(error: BaseException) -> list[str]:
    """Return what people see of an error: ours in its lines, a bug in one."""
    return error.lines() if isinstance(error, NowImageError) else [f"{type(error).__name__}: {plain(error, 200)}"]


class InputError(NowImageError):
    """What was typed cannot be sent; nothing was recorded or sent."""

    @property
    def _tells_billing(self) -> bool:
        return self.billed != "no"


class NotConfirmed(InputError):
    """The price of an order needs the user's word, and nobody can be asked."""


class ConfigError(NowImageError):
    """Address, key or a setting is missing or wrong; nothing was sent."""


class AuthError(NowImageError):
    """The relay refuses the key (401, 403)."""


class QuotaError(NowImageError):
    """The relay says that there is no money left."""


class RateLimitError(NowImageError):
    """The relay refuses for now: too many requests."""


class RejectedError(NowImageError):
    """The relay refuses this request and says why."""


class ConnectFailed(NowImageError):
    """No connection came about; nothing was sent."""


class MaybeBilledError(NowImageError):
    """The request went out and no complete answer came back."""

    billed: Billed = "maybe"


class BadResponseError(NowImageError):
    """An answer came and no picture can be had from it."""

    billed: Billed = "maybe"


class DownloadError(NowImageError):
    """The picture exists at the service but could not be fetched."""

    billed: Billed = "yes"


class UnsafeURLError(DownloadError):
    """The link leads somewhere that must not be visited."""


class LinkExpiredError(DownloadError):
    """The link no longer gives the picture."""


class BadImageError(DownloadError):
    """What came is not a picture that can be trusted; it is in quarantine."""


class TaskFailed(NowImageError):
    """The service reports that the task failed."""


class TaskStillPending(NowImageError):
    """The task is still going on at the service; waiting has ended."""

    billed: Billed = "yes"

    @property
    def _tells_billing(self) -> bool:
        return self.billed == "yes"  # the cell must say nothing that the picture belies


class TaskLost(NowImageError):
    """The service no longer knows the task."""

    billed: Billed = "maybe"


class TaskNeedsAction(NowImageError):
    """The service waits for a decision of the user."""

    billed: Billed = "maybe"


class ServiceError(NowImageError):
    """A service's own code has a fault: it raised what is not ours, gave nonsense, or never came to an end."""


class StoreError(NowImageError):
    """Something is wrong with the folder of the history."""


class StoreUnavailable(StoreError):
    """The folder cannot be used: not ours, not writable, a link."""


class StoreFull(StoreError):
    """No space is left for pictures."""


class StoreCorrupt(StoreError):
    """A file of the history cannot be read."""


class StoreTooNew(StoreError):
    """The history was written by a newer version; it is opened read-only."""


class Interrupted(KeyboardInterrupt):
    """The user freed the cell (■); what was ordered goes on. Shown as one line instead of a traceback."""

    def __init__(self, what: str, language: Language = "en", /, **facts: object) -> None:
        """Build it from a sentence and facts, as the errors are."""
        super().__init__(say(what, language, **facts))

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


def class_of_error(name: str) -> type[NowImageError]:
    """Return the class that a record names; the base class for a name of tomorrow."""
    found = globals().get(name)
    return found if isinstance(found, type) and issubclass(found, NowImageError) else NowImageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Bounded):
    """Why a generation has no or too few pictures: the class and sentences of the error, and its facts.

    `template`, `advice` and `kept` are sentences of the catalogue with `{places}`; `facts` fill the places.
    """

    type: Word
    template: Line
    advice: Line = ""
    kept: Line = ""
    facts: Annotated[Mapping[str, Annotated[str, Text(300)]], Few(50)] = field(default_factory=dict)
    status: int | None = None
    code: Word | None = None
    request_id: Word | None = None

    def message(self, language: Language = "en") -> str:
        """Return what happened, in one sentence."""
        return plain(say(self.template, language, **self.facts), _LONGEST_SENTENCE)

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
    return error.of_order()


def name_bug(bug: BaseException, language: Language = "en") -> str:
    """Return one line for what went wrong and stopped nothing: a bug's name and place, without any value in it."""
    if isinstance(bug, NowImageError):
        said = bug.in_language(language)
        return " → ".join(part for part in (said.message(), said.next_step()) if part)
    places = traceback.extract_tb(bug.__traceback__)
    ours = [one for one in places if _PACKAGE in Path(one.filename).parts] or places
    place = "/".join(Path(ours[-1].filename).parts[-2:]) + f":{ours[-1].lineno}" if ours else "?"
    return f"{type(bug).__name__} ({place})"
