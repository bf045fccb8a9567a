"""Long base64 goes from the wire to the disk, and what is read says the same as if it had not."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Sequence
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from now_jupyter._transport import LongTexts, _long_texts
from now_jupyter._transport._long_texts import Cutter, Said

LONG = 16 << 10
KEPT = 2 << 10  # of a long text: its beginning, and the mark of the rest
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
few = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


def texts_in(folder: Path) -> LongTexts:
    names = count()
    return LongTexts(lambda: folder / f"{next(names)}.tmp")


# Values, and the ways in which relays write them


@st.composite
def long_base64(draw: st.DrawFn) -> str:
    """Base64 around the length from which on it is long, also in lines, and with what stands before it in a link."""
    line = "".join(draw(st.lists(st.sampled_from(BASE64), min_size=1, max_size=12)))
    text = (line * (3 * LONG))[: draw(st.integers(LONG - 9, LONG + 9) | st.integers(LONG, 3 * LONG))]
    if draw(st.booleans()):
        text = "".join(f"{text[at : at + 76]}\n" for at in range(0, len(text), 76))
    return (
        draw(st.sampled_from(["", "data:image/png;base64,", "🦊 \\"])) + text + draw(st.sampled_from(["", "=", "=="]))
    )


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | long_base64(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
ESCAPES = {"/": "\\/", "+": "\\u002b", "=": "\\u003D", "fox": "fox"}  # JSON's writers differ in what they escape


@st.composite
def written(draw: st.DrawFn) -> tuple[Any, bytes]:
    """A value, and JSON that says it."""
    value = draw(values)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    for sign in draw(st.sets(st.sampled_from(sorted(ESCAPES)))):
        text = text.replace(sign, ESCAPES[sign])
    return value, text.encode("utf-8", "surrogatepass" if "\\ud" in text else "replace")


def cut_at(data: bytes, places: Sequence[int]) -> Iterator[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    yield from (data[start:end] for start, end in pairwise(edges))


def cut(texts: LongTexts, pieces: Iterator[bytes]) -> bytes:
    cutter = Cutter(texts)
    return b"".join([*map(cutter.feed, pieces), cutter.end()])


def whole(texts: LongTexts, value: Any) -> Any:
    """A value with what its marks stand for."""
    if isinstance(value, str):
        return b"".join(texts.pieces_of(value)).decode()
    if isinstance(value, list):
        return [whole(texts, one) for one in value]
    return {whole(texts, name): whole(texts, one) for name, one in value.items()} if isinstance(value, dict) else value


@few
@given(written(), st.lists(st.integers(0, 1 << 20), max_size=30))
def test_whatever_is_cut_and_wherever_it_was_split_the_values_are_the_same(
    folder: Path, given: tuple[Any, bytes], places: list[int]
) -> None:
    """At any depth, as a name too, with any escapes; and what is read is as small as all that stands beside it."""
    value, data = given
    texts = texts_in(folder)
    said = cut(texts, cut_at(data, places))
    assert whole(texts, json.loads(said)) == value
    assert len(said) < len(data) + 1
    texts.close()
    assert not list(folder.iterdir())


@few
@given(st.binary(max_size=300), st.integers(0, 3), st.lists(st.integers(0, 1 << 20), max_size=30))
def test_other_bytes_stay_as_they_are(folder: Path, data: bytes, times: int, places: list[int]) -> None:
    """What is no JSON, and runs that are too short; of any bytes without an escape nothing is ever lost."""
    texts = texts_in(folder)
    data += (b"\xff" + b"A" * LONG) * times
    assert cut(texts, cut_at(data, places)) == data
    data = data.replace(b"\\", b"") + b"A" * (LONG + 1)
    said = cut(texts, cut_at(data, places))
    assert len(said) < len(data)
    mark = said[-len("==") * 2 - 64 :].decode()
    assert said[: -len(mark)] + b"".join(texts.pieces_of(mark)) == data
    texts.close()


OF_BASE64 = ("\\/", "\\n", "\\u002b", "\\u002F", "\\u003d")


@pytest.mark.slow
@pytest.mark.parametrize("escape", [*OF_BASE64, '\\"', "\\\\", "\\u0041", "\\u00e9"])
@pytest.mark.parametrize("before", [1018, LONG - 7, LONG - 1, 2 * LONG])
def test_no_escape_is_torn(folder: Path, escape: str, before: int) -> None:
    """Wherever the beginning that stays ends, and wherever its bytes were split."""
    for shift in range(8):
        head = b'{"a":"' + b"A" * (before + shift)
        data = head + escape.encode() * 3 + b"B" * LONG + b'"}'
        for at in range(len(head) - 1, len(head) + 3 * len(escape) + 1):
            texts = texts_in(folder)
            said = cut(texts, iter([data[:at], data[at : at + 1], data[at + 1 :]]))
            assert whole(texts, json.loads(said)) == json.loads(data)
            assert len(said) < 2 * KEPT or escape not in OF_BASE64
            texts.close()


def test_long_texts_leave_little_behind_and_equal_ones_are_kept_once(tmp_path: Path) -> None:
    """However long they are: the beginning tells what it is, the mark which one."""
    texts = texts_in(tmp_path)
    same, other = b"iVBORw0KGgo" + b"A" * 500_000, b"iVBORw0KGgo" + b"A" * 500_001
    said = cut(texts, iter([b'{"data":["' + b'","'.join([same, other, same]) + b'"]}']))
    first, second, third = json.loads(said)["data"]
    assert first == third != second
    assert len(said) < 3 * KEPT
    assert first.startswith("iVBORw0KGgo")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_000_002
    assert [len(b"".join(texts.pieces_of(one))) for one in (first, second)] == [500_011, 500_012]
    texts.close()
    assert list(tmp_path.iterdir()) == []


def test_a_mark_of_somebody_elses_is_text(tmp_path: Path) -> None:
    """What looks like a mark and stands for nothing stays what it is, as does one of another answer."""
    ours, theirs = texts_in(tmp_path), texts_in(tmp_path)
    mark = cut(ours, iter([b"A" * 50_000])).decode()
    for text in (f"=={'0' * 64}==", mark, "====", f"x=={'f' * 63}=="):
        assert b"".join(theirs.pieces_of(text)).decode() == text
    ours.close()


@pytest.mark.parametrize("room", [0, 1, LONG, 100_000])
def test_a_disk_that_is_full_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """What it does not take is kept in memory, with what it took."""

    class Full:
        def __init__(self, path: Path) -> None:
            self._file = path.open("xb", buffering=0)
            self.tell, self.close = self._file.tell, self._file.close

        def write(self, data: bytes) -> int:
            left = room - self._file.tell()
            if left <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self._file.write(data[:left])

    monkeypatch.setattr(_long_texts, "open_new", Full)
    texts = texts_in(tmp_path)
    long = bytes(BASE64, "ascii") * 4_000
    said = cut(texts, (b'["' + long + b'"]' for _ in range(1)))
    assert whole(texts, json.loads(said)) == [long.decode()]
    assert list(tmp_path.iterdir()) == []
    texts.close()


def test_what_is_said_ends_at_its_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long texts do not count, where there is a place for them; other words do."""
    monkeypatch.setattr(_long_texts, "SAID_CAP", 100_000)
    texts = texts_in(tmp_path)
    said, words, held = Said(texts), Said(texts), Said(None)
    for _ in range(80):
        said.add(b'"' + b"A" * 30_000 + b'",')
        words.add(b"no, " * 10_000)
        held.add(b'"' + b"A" * 30_000 + b'",')
    assert said.end().count(b"==") == 160
    assert len(words.end()) < 200_000
    assert len(held.end()) < 200_000
    texts.close()
