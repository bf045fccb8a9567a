"""Lines of options, and what they are refused for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import strategies as st

from now_jupyter._messages import InputError
from now_jupyter._options._parsing import parse_cell

PROMPT = "a fox"


def options_of(line: str) -> Mapping[str, object]:
    return parse_cell(line, PROMPT).options


def refusal(call: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


def sendable() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
