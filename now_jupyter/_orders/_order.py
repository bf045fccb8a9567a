"""From what was typed to an order: the request as typed, and what is wanted around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from .._cells import Execution
from .._media import place_to_save
from .._options import Parsed, request_typed
from .._services import request_again
from .._settings import Reuse
from .._store import Record
from .._values import Money, Request, Role

__all__ = ["Order", "order_again", "order_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request and what is wanted around it. `reuse` None means: as the settings say.

    `given` are the inputs as they were named or handed over; the session resolves them into those of the request, with
    the bytes or files of each (`sources`, by digest). `settles` names the equal orders of unknown outcome that the user
    has given up; None gives up all of them. `budget` is the most that all its calls together may cost, `notes` what
    there is to say of the inputs. `preset` names what the session puts into the request where nothing else was typed,
    `apart_from` records that are no answer to it.
    """

    request: Request
    given: tuple[tuple[Role, object], ...] = ()
    sources: Mapping[str, bytes | Path] = field(default_factory=dict)
    reuse: Reuse | None = None
    execution: Execution | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    alt: str = ""
    save: str | None = None
    agreed: bool = False
    parents: tuple[str, ...] = ()
    settles: frozenset[str] | None = None
    budget: Money | None = None
    notes: tuple[str, ...] = ()
    preset: str = ""
    apart_from: frozenset[str] = frozenset()


def order_of(parsed: Parsed, *, execution: Execution | None = None) -> Order:
    """Return the order; `execution` is the run of the cell that it is made in."""
    options = parsed.options
    save = options.get("save")
    return Order(
        request=request_typed(parsed),
        given=tuple(_given_in(options)),
        reuse="never" if options.get("fresh") else "always" if options.get("reuse") else None,
        execution=execution,
        name=_text(options.get("output")),
        tags=tuple(cast("tuple[str, ...]", options.get("tag", ()))),
        alt=_text(options.get("alt")) or "",
        save=place_to_save(str(save)) if save else None,
        agreed=bool(options.get("yes")),
        budget=cast("Money | None", options.get("budget")),
        preset=_text(options.get("preset")) or "",
    )


def order_again(record: Record, like: Order | None = None, *, apart_from: Iterable[str] = ()) -> Order:
    """Return the order of what made a record once more, which neither that nor `apart_from` answers.

    What is wanted around it is as in `like`; without that nothing answers it.
    """
    request = request_again(record.request, record.model, record.service)
    wanted = like or Order(request=request, reuse="never")
    return replace(
        wanted, request=request, given=(), parents=record.parents, apart_from=frozenset({record.id, *apart_from})
    )


def _given_in(options: Mapping[str, object]) -> Iterator[tuple[Role, object]]:
    images = options.get("image", ())
    role: Role = "press" if options.get("button") else "picture"
    yield from ((role, one) for one in (images if isinstance(images, tuple) else (images,)))
    others: tuple[Role, ...] = ("mask", "vary")
    yield from ((one, options[one]) for one in others if one in options)


def _text(value: object) -> str | None:
    return str(value) if value else None
