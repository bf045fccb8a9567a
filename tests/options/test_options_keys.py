"""Keys have no place in a line; completion."""

from __future__ import annotations

import secrets

import pytest

from lines import PROMPT, refusal
from now_jupyter._messages import InputError
from now_jupyter._options import OPTIONS
from now_jupyter._options._completion import complete
from now_jupyter._options._parsing import parse_cell, parse_keywords, parse_line
from now_jupyter._options._table import option_of_flag


@pytest.mark.parametrize(
    "line",
    [
        *(
            "KEY a fox",
            "--api-key KEY a fox",
            "--alt KEY a fox",
            "--alt=KEY a fox",
            "a fox KEY",
            "--sice KEY",
            "-m“KEY”",
        ),
        *("-p user=KEY a fox", '-p x={"a": ["KEY"]} a fox', "密钥KEY a fox", "-s KEY a fox", "--KEY x", "-- a KEY fox"),
    ],
)
def test_a_key_in_the_line_is_refused_and_not_repeated(line: str) -> None:
    """What looks like a key stops everything before it is read, and no part of the error holds it."""
    key = "sk-" + secrets.token_hex(16)
    with pytest.raises(InputError) as caught:
        parse_line(line.replace("KEY", key))
    error = caught.value
    assert "%now login" in error.next_step()
    assert key[3:] not in f"{error!s} {error!r} {error.args} {vars(error)}"


def test_a_key_elsewhere_is_refused_too() -> None:
    """In a body, in keyword arguments and in their depth."""
    key = "sk-" + secrets.token_hex(16)
    for text in (
        refusal(parse_cell, "", f"a {key} fox"),
        refusal(parse_keywords, f"a {key} fox", {}),
        refusal(parse_keywords, PROMPT, {"alt": key}),
        refusal(parse_keywords, PROMPT, {"params": {"a": {"b": [key]}}}),
    ):
        assert "looks like an API key" in text
        assert key not in text


@pytest.mark.parametrize(
    "line",
    [
        *("-p Authorization=VALUE", "-p 'Authorization: Bearer VALUE'", "-p api_key=VALUE", "-p apikey=VALUE"),
        *("--api-key VALUE", "--api-key=VALUE", '-p headers={"X-Api-Key":"VALUE"}', "-pAuthorization=VALUE"),
    ],
)
def test_a_credential_by_name_is_refused_whatever_it_looks_like(line: str) -> None:
    """A key of another make is known by the name it is given under."""
    value = secrets.token_hex(8)
    text = refusal(parse_cell, line.replace("VALUE", value), PROMPT)
    assert "looks like an API key" in text
    assert value not in text


def test_words_that_only_resemble_keys_pass() -> None:
    """Short words, and words in which the letters stand inside."""
    prompt = "task-oriented-illustration-of-a-desk, sk-8 shoes, authorization: granted, an api key on a ring"
    assert parse_line(prompt).prompt == prompt


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("--si", ["--size"]),
        ("——si", ["--size"]),
        ("--s", ["--size", "--style", "--seed", "--save", "--service", "--show"]),
        ("-n 2 --size 1:1 --s", ["--style", "--seed", "--save", "--service", "--show"]),
        ("--tag a --ta", ["--tag"]),
        ("-m x --qua", ["--quality"]),
        ("--format ", ["png", "jpeg", "webp"]),
        ("--format=j", ["jpeg"]),
        ("-q hi", ["high"]),
        ("-m gpt", ["gpt-image-2"]),
        ("-m ", ["gpt-image-2", "dall-e-3"]),
        ("--fresh --format w", ["webp"]),
        *(("a fox --si", []), ("--alt 'a ", []), ("--nonsense x --si", []), ("--seed ", []), ("-- --si", [])),
    ],
)
def test_names_and_values_are_completed(typed: str, words: list[str]) -> None:
    """Flags not yet given, choices of values, models; nothing in the prompt."""
    assert offered(typed) == words


def test_an_empty_line_offers_all_options() -> None:
    """Every option can begin a line."""
    for typed in ("", "-", "--", "——"):
        assert offered(typed) == [one.flags[-1] for one in OPTIONS]
    assert all(option_of_flag(flag) for flag in offered(""))


def offered(typed: str) -> list[str]:
    begun, words = complete(typed, {"model": ["gpt-image-2", "dall-e-3"]})
    assert len(begun) <= len(typed)
    return [word for word in words if word.startswith(begun)]
