"""What is put on pictures from the panel: star, tags, the trash and the way back; one by one, or many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from .._messages import InputError, NowImageError
from .._session import Session
from ._messages import Message
from ._pictures import pictures_of
from ._rpc import Answer
from ._thumbs import Spot

__all__ = ["MARKS", "mark"]

MARKS = ("star", "tag", "trash", "restore", "keep")
"""The actions that `mark` does."""


def mark(session: Session, message: Message) -> Answer:
    """Do with each of the spots what is asked; `keep` answers what was dropped, so that it can be brought back.

    Raises:
        InputError: the tag cannot be one, or a picture is not there; the others are marked all the same.
    """
    fields = message.fields
    spots: list[Spot] = fields["spots"]
    match message.action:
        case "star":
            _each(spots, lambda ref: session.star(ref, on=fields["on"]))
        case "tag":
            tag = _checked_tag(fields["tag"])
            _each(spots, lambda ref: session.tag(ref, tag, remove=not fields["on"]))
        case "restore":
            _each(spots, session.restore)
        case "trash":
            _each(spots, session.trash)
        case _:
            dropped = _rest_of(session, spots)
            _each(dropped, session.trash)
            return {"dropped": [list(spot) for spot in dropped]}
    return None


def _checked_tag(text: str) -> str:
    tag = text.strip()
    if not tag or tag == "*" or not tag.isprintable():  # * marks a star
        raise InputError("{value} cannot be a tag", advice="give a word such as draft", value=tag)
    return tag


def _rest_of(session: Session, kept: Iterable[Spot]) -> list[Spot]:
    """Return the other pictures of the generations that these belong to."""
    outputs: defaultdict[int, set[int]] = defaultdict(set)
    for number, output in kept:
        outputs[number].add(output)
    return [
        (number, one.number)
        for number, stay in outputs.items()
        if 0 not in stay
        for one in pictures_of(session.history.record(number))
        if one.number not in stay
    ]


def _each(spots: Iterable[Spot], do: Callable[[str], Any]) -> None:
    """Do something with each; what cannot be done with one is said when the others are done."""
    refused: NowImageError | None = None
    for number, output in spots:
        try:
            do(f"#{number}.{output}" if output else f"#{number}")
        except NowImageError as error:
            refused = refused or error
    if refused is not None:
        raise refused
