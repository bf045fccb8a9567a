"""Everything that the full view says of one generation."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from .._history import History
from .._json import digest
from .._messages import InputError, Language, error_of, plain, say
from .._options import cell_text
from .._services import request_again
from .._session import left_out, recalled_from
from .._store import Record
from ._diff import parameters
from ._draft import Draft, draft_of, read_draft, recipe_of
from ._gallery import Gallery
from ._pictures import others_of, pictures_of

__all__ = ["detail_of", "draft_in"]

_PROMPT_SHOWN = 20_000


def detail_of(record: Record, gallery: Gallery, history: History, language: Language) -> dict[str, Any]:
    """Return the full view's text, the draft that makes it again, and its cell."""
    folder = gallery.pictures
    pictures, again = pictures_of(record), request_again(record.request, record.model, record.service)
    given = history.inputs_of(again)
    row = gallery.row(record, language)
    return {
        **row,
        "prompt": record.request.prompt[:_PROMPT_SHOWN],
        "alt": plain(record.alt or row["prompt"], 300),
        "params": [list(pair) for pair in parameters(record).items()],
        "pictures": [
            {
                **of_row,
                "place": place,
                "path": plain(folder / one.file, 4000),
                "width": one.width,
                "height": one.height,
                "mime": one.mime,
                "revised": str(one.about.get("revised_prompt") or "")[:_PROMPT_SHOWN],
                "sha256": one.sha256[:12],
            }
            for place, (one, of_row) in enumerate(zip(pictures, row["pictures"], strict=True), 1)
        ],
        "files": [[one.kind, plain(folder / one.file, 4000)] for one in others_of(record) if one.file],
        "text": "\n\n".join(one.words for one in others_of(record) if one.words)[:_PROMPT_SHOWN],
        "facts": _facts(record, language),
        "lines": _lines(record, language),
        "given": [[one.role, name if name.startswith("#") else one.sha256[:12]] for one, name in given],
        **gallery.family(record),
        "draft": draft_of(again, parent=record.id, given=given).to_json(),
        "cell": cell_text(again, [(one.role, name) for one, name in given]),
    }


def _facts(record: Record, language: Language) -> list[list[str]]:
    facts = [[say("made", language), time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created))]]
    if record.elapsed is not None:
        facts.append([say("time", language), f"{record.elapsed:.1f} s"])
    facts.append([say("cost", language), _cost(record, language)])
    if record.taken_from:
        facts.append([say("from", language), record.taken_from])
    if record.name:
        facts.append([say("name", language), record.name])
    return facts


def _cost(record: Record, language: Language) -> str:
    if record.demo:
        return say("demo, costs nothing", language)
    if record.cost is not None and record.cost.amount is not None:
        return str(record.cost)
    return say("nothing", language) if record.billed == "no" else say("price unknown", language)


def _lines(record: Record, language: Language) -> list[str]:
    """Return the error of a record in the words that its cell showed; empty where there was none."""
    if record.error is None:
        return []
    error = error_of(record.error, billed=record.billed).in_language(language)
    error.request_id = error.request_id or record.request_id
    return error.lines()


def draft_in(data: bytes, history: History, language: Language) -> tuple[Draft, list[str]]:
    """Return the draft of a picture file: one of this history by its digest, else by what it says of itself.

    Beside it stand the lines that say what could not be taken over.

    Raises:
        InputError: it does not say how it was made.
    """
    sha256 = digest(data)
    for record in history.with_output(sha256)[:1]:
        return recipe_of(record, history), []
    request, dropped = recalled_from(data)
    inputs = history.inputs_of(request)
    given = [(one, name) for one, name in inputs if name]
    with suppress(ValueError):
        return read_draft(draft_of(request, given=given).to_json()), left_out(inputs, dropped, language)
    raise InputError("what this file says is too much for the form")
