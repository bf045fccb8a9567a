"""Output files have names that people recognise, and that every file system takes."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from now_jupyter._store._names import file_name, readable_name

PIECES = (
    *("../", "..\\", "/", "\0", "CON", "nul", "com1", ".", " ", "-", "_", ':*?"<>|', "\n", "\x7f", "fox", "a", "the"),
    *(
        "\u202e",
        "\u200d",
        "\ud83e",
        "🦊",
        "\u0301",
        "\u20e3",
        "é",
        "e\u0301",
        "İ",
        "狐狸",
        "\U00020000",
        "שלום",
        "नमस्ते",
    ),
)
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(st.characters(), max_size=60)).map("".join)
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE | re.ASCII)


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a red fox in snow", "red-fox-in-snow"),
        ("A Red Fox, in snow!", "red-fox-in-snow"),
        ("The fox's den", "foxs-den"),
        ("a", "a"),
        ("雪中的红狐，水彩", "雪中的红狐-水彩"),
        ("雪" * 60, "雪" * 40),
        ("\U00020000" * 60, "\U00020000" * 30),
        ("x" * 300, "x" * 40),
        ("a photograph of a red fox that runs through deep snow", "photograph-of-a-red-fox-that-runs"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("fox\n\tden\x00\x1b[31m", "fox-den-31m"),
        ("fox\u202egnp.exe\u2066", "foxgnp-exe"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\Windows\\nul", "c-windows-nul"),
        ("CON", "_con"),
        ("LPT1", "_lpt1"),
        ("console", "console"),
        ("🦊🦊", ""),
        ("!?... --", ""),
        ("\u0301\u200d\ufe0f\u3164", ""),
        ("\ud800", ""),
        ("", ""),
    ],
)
def test_the_words_of_a_prompt_make_the_name(prompt: str, name: str) -> None:
    """Its first words in any language, without what no file system or reader wants."""
    assert readable_name(prompt) == name


@pytest.mark.parametrize(
    ("number", "index", "prompt", "name"),
    [
        (12, 1, "a red fox in snow", "12-red-fox-in-snow.png"),
        (12, 2, "a red fox in snow", "12.2-red-fox-in-snow.png"),
        (7, 1, "🦊", "7.png"),
        (7, 3, "", "7.3.png"),
    ],
)
def test_a_name_begins_as_the_picture_is_referred_to(number: int, index: int, prompt: str, name: str) -> None:
    """Number of the record, number of the output beyond the first, words."""
    assert file_name(number, index, prompt, ".png") == name


@given(HOSTILE, st.integers(1, 60))
@example("a-" * 30, 1)
@example("the " * 300, 40)
def test_any_prompt_gives_a_name_that_every_file_system_takes(prompt: str, longest: int) -> None:
    """Letters, marks and digits in words; short, composed, with nothing reserved, hidden or odd at its ends."""
    name = readable_name(prompt, longest=longest)
    assert len(name.removeprefix("_")) <= longest
    assert len(name.encode()) <= 121
    assert name == unicodedata.normalize("NFC", name)
    assert {unicodedata.category(char)[0] for char in name.removeprefix("_")} <= {"L", "M", "N", "P"}
    assert set(re.sub(r"[^\W_]", "", name.removeprefix("_"))) <= {
        "-",
        *(c for c in name if unicodedata.category(c)[0] == "M"),
    }
    assert not name or (name[-1] != "-" and name[0] != "-" and "--" not in name)
    assert not RESERVED.fullmatch(name)
    assert Path(name).name == name


@given(HOSTILE)
def test_such_a_name_can_be_a_file(prompt: str) -> None:
    """What is made of a prompt is one plain part of a path, and the same each time."""
    name = file_name(3, 2, prompt, ".png")
    assert name == file_name(3, 2, prompt, ".png")
    assert Path("x", name).parts == ("x", name)
    assert name.startswith("3.2")
    assert len(name.encode()) <= 143
