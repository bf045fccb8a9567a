"""One table of all options for magic, panel, Python and help; prompts."""

from __future__ import annotations

from ._completion import complete
from ._parsing import Parsed, gather, parse_cell, parse_keywords, parse_line, sendable_prompt
from ._prompts import fill
from ._readers import checked_prompt, read_amount, read_param, read_price
from ._recipes import cell_text, reads_back, request_from, request_typed
from ._table import OPTIONS, Option, alike, closest, option, spell_for_python, usage
from ._typed import Deferred, flag_at, plain_dashes, skip_blanks, strip_quotes, word_at

__all__ = [
    "OPTIONS",
    "Deferred",
    "Option",
    "Parsed",
    "alike",
    "cell_text",
    "checked_prompt",
    "closest",
    "complete",
    "fill",
    "flag_at",
    "gather",
    "option",
    "parse_cell",
    "parse_keywords",
    "parse_line",
    "plain_dashes",
    "read_amount",
    "read_param",
    "read_price",
    "reads_back",
    "request_from",
    "request_typed",
    "sendable_prompt",
    "skip_blanks",
    "spell_for_python",
    "strip_quotes",
    "usage",
    "word_at",
]
