"""Generations as people read them: aligned text for terminals, a table with small pictures for notebooks.

The table is static and small, so that it is still there in a saved notebook; all text in it is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from .._bundles import small_image
from .._media import can_show
from .._messages import Language, columns_of, plain, say, say_status
from .._sharing import frame_of
from .._values import Generation, Picture, Status
from ._tree import words_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_ROWS", "Generations", "Selection"]

MOST_ROWS = 20
_PROMPT_COLUMNS = 60
_LONGEST_PROMPT = 240  # in the table, which breaks lines
_LONGEST_REASON = 160
_LEFT = 'style="text-align:left"'  # front ends have numbers in mind
_FACTS = ("ref", "created", "prompt", "model", "status", "billed", "elapsed", "starred", "demo", "taken_from")
_FRAME = (*_FACTS, "pictures", "path", "sha256", "cost", "currency", "tags")


class Generations(Sequence[Generation]):
    """A sequence of generations that is shown as a table; newest last, unless `newest_first`."""

    newest_first = False
    language: Language | None = None

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        shown, older = self._shown()
        lines = _aligned([_row_of(one, self.language) for one in shown])
        more = [_say_older(older, self.language)] if older else []
        listed = [*lines, *more] if self.newest_first else [*more, *lines]
        return [f"{type(self).__name__}({len(self)})", *listed]

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._html()}

    def _html(self) -> str:
        shown, older = self._shown()
        rows = [_html_row(one, self.language) for one in shown]
        more = [f'<tr><td colspan="6">{_say_older(older, self.language)}</td></tr>'] if older else []
        listed = [*rows, *more] if self.newest_first else [*more, *rows]
        return f"<table>{_head(self.language or 'en')}<tbody>{''.join(listed)}</tbody></table>"

    def _shown(self) -> tuple[Sequence[Generation], int]:
        """Return the newest, as many as are listed, and how many are older."""
        older = max(0, len(self) - MOST_ROWS)
        return (self[:MOST_ROWS] if self.newest_first else self[older:]), older

    @overload
    def __getitem__(self, key: int | str) -> Generation: ...
    @overload
    def __getitem__(self, key: slice) -> Selection: ...

    def __getitem__(self, key: int | str | slice) -> Generation | Selection:
        raise NotImplementedError

    @property
    def pictures(self) -> list[Picture]:
        """All their pictures."""
        return [picture for one in self for picture in one.pictures]

    def to_dataframe(self) -> pd.DataFrame:
        """Return a pandas DataFrame, a row a generation (needs the extra `pandas`).

        Raises:
            InputError: pandas is not installed.
        """
        rows = [_facts_of(generation) for generation in self]
        return frame_of(rows, list(dict.fromkeys([*_FRAME, *(name for row in rows for name in row)])))


class Selection(Generations):
    """Some generations of a history, as they were when they were asked for."""

    def __init__(
        self, generations: Sequence[Generation], *, newest_first: bool = False, language: Language | None = None
    ) -> None:
        """List these generations; in a language with why something failed."""
        self._generations = generations
        self.newest_first = newest_first
        self.language = language

    def in_language(self, language: Language) -> Selection:
        """Return the same in another language."""
        return Selection(self._generations, newest_first=self.newest_first, language=language)

    def __len__(self) -> int:
        return len(self._generations)

    def __iter__(self) -> Iterator[Generation]:
        return iter(self._generations)

    @overload
    def __getitem__(self, key: int | str) -> Generation: ...
    @overload
    def __getitem__(self, key: slice) -> Selection: ...

    def __getitem__(self, key: int | str | slice) -> Generation | Selection:
        """Return one generation by place (`0`) or number (`"#12"`), or several by slice."""
        if isinstance(key, slice):
            return Selection(self._generations[key], newest_first=self.newest_first, language=self.language)
        if isinstance(key, int):
            return self._generations[key]
        for one in self._generations:
            if one.ref == key:
                return one
        raise KeyError(key)


class _Row(NamedTuple):
    star: str
    ref: str
    amount: str
    status: str
    model: str
    price: str
    date: str
    words: str


def _row_of(generation: Generation, language: Language | None) -> _Row:
    count = len(generation.pictures)
    tags = f" [{plain(', '.join(generation.tags), 80)}]" if generation.tags else ""
    return _Row(
        star="★" if generation.starred else " ",
        ref=_ref_of(generation),
        amount=f"{count}×" if count > 1 else "",
        status=say_status(generation.status, language or "en"),
        model=plain(generation.model, 40),
        price=_price_of(generation, language or "en"),
        date=generation.created.astimezone().strftime("%Y-%m-%d %H:%M"),
        words=_cut(_words_of(generation, language), _PROMPT_COLUMNS)
        + tags
        + (f" · {say('preview only', language or 'en')}" if _is_preview(generation) else "")
        + _reason_of(generation, language),
    )


def _words_of(generation: Generation, language: Language | None) -> str:
    return plain(words_of(generation, language or "en"), _LONGEST_PROMPT)


def _is_preview(generation: Generation) -> bool:
    """Whether anything of it only stands in for an original that is elsewhere."""
    return any(one.stands_for for one in generation.outputs)


def _say_older(count: int, language: Language | None) -> str:
    return say("… {count} older", language or "en", count=count)


def _ref_of(generation: Generation) -> str:
    """Return the number: of the only picture that was chosen, where there are others."""
    pictures = generation.pictures
    return pictures[0].ref if len(pictures) == 1 else generation.ref


def _price_of(generation: Generation, language: Language) -> str:
    if generation.demo:
        return say("demo", language)
    if generation.cost is not None and generation.cost.amount is not None:
        return str(generation.cost)
    return "" if generation.billed == "no" else "?"


def _reason_of(generation: Generation, language: Language | None) -> str:
    """Return why a generation has no or too few pictures; empty where it has all, or nobody's language is known."""
    if generation.error is None or language is None:
        return ""
    return f" · {plain(generation.error.message(language), _LONGEST_REASON)}"


def _aligned(rows: Sequence[_Row]) -> list[str]:
    widths = [max(map(columns_of, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _padded(row: _Row, widths: Sequence[int]) -> list[str]:
    return [cell + " " * (width - columns_of(cell)) for cell, width in zip(row[:-1], widths, strict=False)] + [
        row.words
    ]


def _cut(text: str, columns: int) -> str:
    """Return as much of a text as fits, with a sign that it goes on."""
    if columns_of(text) <= columns:
        return text
    widths = accumulate(map(columns_of, text))
    fits = sum(1 for _ in takewhile(lambda width: width < columns, widths))
    return f"{text[:fits].rstrip()}…"


def _head(language: Language) -> str:
    words = ("", "", say("prompt", language), say("model", language), say("price", language), say("date", language))
    heads = (f"<th {_LEFT}>{word}</th>" for word in words)
    return f"<thead><tr>{''.join(heads)}</tr></thead>"


def _html_row(generation: Generation, language: Language | None) -> str:
    row = _row_of(generation, language)
    status = "" if generation.status is Status.DONE else row.status
    first = [part for part in (row.star.strip(), row.ref, row.amount, status) if part]
    tags = f"[{', '.join(generation.tags)}]" if generation.tags else ""
    words = " ".join(part for part in (_words_of(generation, language), plain(tags, 80)) if part)
    texts = (" ".join(first), words + _reason_of(generation, language), row.model, row.price, row.date)
    image = next((small_image(one) for one in generation.pictures if can_show(one.mime)), "")
    ref, *others = (f"<td {_LEFT}>{escape(text)}</td>" for text in texts)
    return f"<tr>{ref}<td {_LEFT}>{image}</td>{''.join(others)}</tr>"


def _facts_of(generation: Generation) -> dict[str, Any]:
    first = generation.pictures[0] if generation.pictures else None
    cost = generation.cost
    return {
        **{name: getattr(generation, name) for name in _FACTS},
        "status": generation.status.value,
        "pictures": len(generation.pictures),
        "path": str(first.path) if first else None,
        "sha256": first.sha256 if first else None,
        "cost": float(cost.amount) if cost and cost.amount is not None else None,
        "currency": cost.currency if cost else None,
        "tags": ", ".join(generation.tags),
        **{f"param_{key}": value for key, value in generation.params.items()},
    }
