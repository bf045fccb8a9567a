"""An error, the failure that a record keeps of it, and the error made of that: three forms that say the same."""

from __future__ import annotations

import json
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from now_jupyter._messages import (
    Billed,
    Failure,
    Language,
    NowImageError,
    _errors,
    error_of,
    failure_of,
    load_chinese,
    plain,
    say,
)
from now_jupyter._store import Record
from now_jupyter._values import Request

ERRORS = [getattr(_errors, name) for name in _errors.__all__]
KINDS = [one for one in ERRORS if isinstance(one, type) and issubclass(one, NowImageError)]
HOSTILE = "\x1b[2J{words} {words.__class__} {words:>99999999} {0} {} }{ {{"


def record_with(failure: Failure) -> Record:
    return Record(id="0" * 32, request=Request(prompt="a fox"), created=1.0, error=failure)


def kept_and_read(failure: Failure) -> Failure:
    form = json.loads(json.dumps(record_with(failure).to_json()))
    read = Record.from_json(form).error
    assert read is not None
    return read


@given(
    kind=st.sampled_from(KINDS),
    sentences=st.tuples(*[st.sampled_from(["", *(text for text in load_chinese() if text == plain(text))])] * 3),
    words=st.text(),
    billed=st.sampled_from(get_args(Billed)),
    status=st.none() | st.integers(100, 599),
    code=st.none() | st.just("insufficient_quota"),
    request_id=st.none() | st.just("req-1"),
)
def test_an_error_read_from_a_record_says_what_it_said(
    kind: type[NowImageError],
    sentences: tuple[str, str, str],
    words: str,
    billed: Billed,
    status: int | None,
    code: str | None,
    request_id: str | None,
) -> None:
    """Line for line, in both languages, with the same class and the same facts for support."""
    what, advice, kept = sentences
    error = kind(
        what,
        advice=advice,
        kept=kept,
        billed=billed,
        status=status,
        code=code,
        request_id=request_id,
        words=words,
        ref="#12",
    ).of_order()
    again = error_of(kept_and_read(failure_of(error)), billed=billed)
    assert type(again) is kind
    assert vars(again) == vars(error)
    for language in get_args(Language):
        assert again.in_language(language).lines() == error.in_language(language).lines()


def test_a_failure_is_said_in_either_language() -> None:
    """The relay's words stay as they are, braces included; a repr speaks English."""
    failure = Failure(type="QuotaError", template="no money is left for this key: {words}", facts={"words": "{ref}"})
    assert failure.message("zh") == "这个密钥没有余额了：{ref}"
    assert str(failure) == "QuotaError: no money is left for this key: {ref}"


def test_a_sentence_of_a_record_is_only_text() -> None:
    """Places are names: nothing of a fact is looked into, no width is believed, and no control sign is left."""
    form = record_with(Failure(type="DownloadError", template=HOSTILE, facts={"words": HOSTILE})).to_json()
    read = Record.from_json(json.loads(json.dumps(form))).error
    assert read is not None
    said = read.message()
    assert said.count("{words.__class__}") == 2
    assert "\x1b" not in said
    assert len(said) < 300


def test_a_place_without_a_fact_stays() -> None:
    """A sentence that lost a fact is said all the same."""
    assert say("there is no {ref} in this history", "en") == "there is no {ref} in this history"
    assert say("there is no {ref} in this history", "zh", ref="{ref}") == "历史里没有 {ref}"


@given(st.text(), st.integers(1, 20))
def test_what_is_plain_stays_as_it_is(text: str, limit: int) -> None:
    """So a record, which trusts nobody, gives back the very words that were kept."""
    assert plain(plain(text, limit), limit) == plain(text, limit)
