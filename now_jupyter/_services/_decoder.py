"""The one decoder of answers: pictures, words and reasons, from a whole answer or a stream of events.

What was paid for is taken in whatever form it comes; what one item or event says against itself costs that one only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._json import JSON, amount_of, dig, text_of
from .._messages import BadResponseError, NowImageError, Refusal, error_of_refusal, is_error, some_words, words_of
from .._protocol import Conversation, Event, Found, Lost, Next, Outcome, Progress, Reply, Source, Step, Whole
from ._finding import number, outputs_in, outputs_in_words, without_pictures

__all__ = ["Reading", "outcome_of", "percent_of", "read_pictures", "require_output"]

_ERROR_TYPES = ("error", "upstream_error", "response.incomplete")
_ASK = "ask the relay's support before ordering again; `--fresh` orders again"
_LOOK = "look at the relay's log before ordering again; `--fresh` orders again"
# Lines by which those behind a web page say how far it is; why nothing came of it stands after them.
_WAITS = ("进度", "排队", "生成中")
_WAITING = re.compile(rf"^>[ \t*_]{{0,9}}(?:{'|'.join(_WAITS)})[^\n]*+\n*+", re.MULTILINE)
_WORDS_KEPT = 1 << 16
_SENSIBLE = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an answer held: how many pictures, the words beside them, why there are none, what is known at its end."""

    count: int = 0
    words: str = ""
    reason: JSON = None
    streamed: bool = False
    was_begun: bool = False  # an unfinished picture was shown: that may have been billed
    outcome: Outcome = field(default_factory=Outcome)


def read_pictures(reply: Reply, *, expected: int = 1) -> Conversation[Reading]:
    """Read an answer, whole or streamed: yield each picture, and what will not come."""
    if reply.streamed:
        return (yield from _Stream(expected).read())
    if reply.is_file:
        if reply.media_type.startswith("text/") or "json" in reply.media_type:
            return Reading()
        yield Found(key="1", sources=(Whole(),))
        return Reading(count=1)
    body = reply.body if reply.body is not None or "html" in reply.media_type else reply.text
    every = list(outputs_in(body))
    count = sum(isinstance(one, Found) for one in every)
    reason = body if is_error(body) else None
    lost = [one for one in every if isinstance(one, Lost)]
    yield from every if count else ()
    if count and reason is not None and not lost:
        yield Lost(reason)
    return Reading(
        count=count,
        words=_words_in(body),
        reason=reason if reason is not None or not lost else lost[0].reason,
        was_begun=bool(dig(body, "choices") or dig(body, "candidates")),  # a model ran, and is paid by what it read
        outcome=outcome_of(body),
    )


def require_output(reading: Reading, reply: Reply) -> Outcome:
    """Return what is known at the end of an answer that held something.

    Raises:
        NowImageError: it held nothing; says why in the relay's own words, where it has any.
    """
    if reading.count:
        return reading.outcome
    if reading.reason is not None and not (reading.was_begun and reading.words and not _is_told(reading.reason)):
        error = error_of_refusal(Refusal(body=reading.reason))
        if reading.was_begun and error.billed == "no":
            error.billed, error.advice = "maybe", _LOOK
        raise error
    raise _no_picture(reading, reply)


def _is_told(reason: JSON) -> bool:
    """Whether a reason is an error of its own, which says more than the words that a model began with."""
    return bool(words_of(dig(reason, "error")))


def _no_picture(reading: Reading, reply: Reply) -> BadResponseError:
    if words := _WAITING.sub("", reading.words).strip() or reading.words or words_of(reply.body):
        return BadResponseError(
            "the relay answers in words instead of a picture: {words}",
            advice="word the prompt differently, or choose another model; look at the relay's log for what was billed",
            words=words,
        )
    if reading.streamed:
        return BadResponseError(
            "the stream ended before the picture was complete",
            advice=_LOOK,
        )
    if reply.body is None and reply.media_type:
        is_page = "html" in reply.media_type or reply.text[:1024].lstrip().lower().startswith(("<!doctype", "<html"))
        return BadResponseError(
            "the relay answered with {looks} instead of pictures",
            advice="check the address that %now shows: it should be the API's, not a web page's",
            looks="HTML" if is_page else reply.media_type,
        )
    if said := some_words(reply.body):
        return BadResponseError("the relay's answer holds no picture: {words}", advice=_ASK, words=said)
    return BadResponseError("the relay's answer holds no picture", advice=_ASK)


# A stream


class _Stream:
    """The events of one answer on their way to pictures."""

    def __init__(self, expected: int) -> None:
        self._expected = max(expected, 1)
        self._seen: set[str] = set()
        self._count = 0
        self._pieces: list[str] = []  # of words; a picture may be parted between two of them
        self._reason: JSON = None
        self._was_begun = False
        self._outcome = Outcome()

    def read(self) -> Conversation[Reading]:
        try:
            while (event := (yield from Next())) is not None:
                yield from self._take(event)
        except NowImageError:  # cut, or worse: what came whole is kept first
            yield from self._new(outputs_in_words("".join(self._pieces), is_whole=False))
            raise
        words = "".join(self._pieces)
        yield from self._new(outputs_in_words(words))
        return Reading(
            count=self._count,
            words=without_pictures(words)[:_WORDS_KEPT],
            reason=self._reason,
            streamed=True,
            was_begun=self._was_begun,
            outcome=self._outcome,
        )

    def _take(self, event: Event) -> Iterator[Step[Any]]:
        data = event.data
        if event.type.endswith(".partial_image") or text_of(dig(data, "type")).endswith(".partial_image"):
            yield self._partial(data)
            return
        if event.type in _ERROR_TYPES or event.type.endswith(".failed") or is_error(data):
            yield self._lose(data or event.type)
        delta = dig(data, "choices", 0, "delta")
        if words := text_of(dig(delta, "content")):
            self._was_begun = True
            self._pieces.append(words)
            if "进度" in words and (fraction := percent_of(words)) is not None:
                yield Progress(fraction=fraction)
        count = self._count
        yield from self._new(outputs_in({**delta, "content": None} if words else data))  # words are read together
        if isinstance(data, str) and self._count == count:
            self._pieces.append(f"{data}\n")  # words where JSON should be
        self._note_end(data)

    def _new(self, every: Iterator[Found | Lost]) -> Iterator[Step[Any]]:
        for one in number(every, self._seen, count=self._count):
            if isinstance(one, Lost):
                yield self._lose(one.reason)
            else:
                self._count += 1
                yield one
                yield Progress(fraction=min(self._count / self._expected, 1.0))

    def _lose(self, reason: JSON) -> Lost:
        self._reason = self._reason or reason
        return Lost(reason)

    def _partial(self, data: JSON) -> Progress:
        self._was_begun = True
        bare = {**data, "type": ""} if isinstance(data, Mapping) else data  # it says that it is no picture yet
        shown: Source | None = next((one.sources[0] for one in outputs_in(bare) if isinstance(one, Found)), None)
        at = dig(data, "partial_image_index")
        share = (at + 1) / (at + 2) if isinstance(at, int) and 0 <= at < 1 << 20 else 0.5
        return Progress(fraction=min((self._count + share) / self._expected, 1.0), preview=shown)

    def _note_end(self, data: JSON) -> None:
        known = outcome_of(data)
        news = {name: getattr(known, name) for name in ("usage", "cost", "model")}
        self._outcome = replace(self._outcome, **{name: one for name, one in news.items() if one not in (None, {}, "")})


# What stands beside the pictures


def outcome_of(body: JSON) -> Outcome:
    """Return what was used, what it cost and which model made it, as far as an answer says so; zeros are no usage."""
    usage = dig(body, "usage") or dig(body, "response", "usage")
    is_usage = isinstance(usage, Mapping) and any(usage.values())
    model = text_of(dig(body, "model")) or text_of(dig(body, "modelVersion"))
    return Outcome(usage=dict(usage) if is_usage else {}, cost=amount_of(dig(usage, "cost")), model=model)


def percent_of(value: Any) -> float | None:  # noqa: ANN401 - untrusted JSON
    """Return how far it is, of 1, from `35%`, 35 or 0.35; from words only what stands behind 进度."""
    if isinstance(value, str):
        digits = value.rpartition("进度")[2][:40].partition("%")[0].strip(" \n*:：`")
        value = int(digits) if digits.isascii() and digits.isdigit() else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _SENSIBLE:
        return None
    return min(value if isinstance(value, float) and value <= 1 else value / 100, 1.0)


def _words_in(body: JSON) -> str:
    if isinstance(body, str):
        return without_pictures(body)[:_WORDS_KEPT] if not body.lstrip().startswith("<") else ""
    content = dig(body, "choices", 0, "message", "content")
    if isinstance(content, list):
        content = "\n".join(text_of(dig(part, "text")) for part in content)
    words = without_pictures(text_of(content)) or text_of(dig(body, "choices", 0, "message", "refusal"))
    return words[:_WORDS_KEPT]
