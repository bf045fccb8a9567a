"""Replies and records made by somebody who means harm: no crash, no way out, nothing sent, no HTML.

What is generated is not noise alone but near misses: real answers and records with one or more parts
replaced, so that every check behind the first one is reached.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign import Campaign
from checker import sha256
from faultserver import Send, chunked, json_answer, stream_answer
from hostile import QUIET, RECORD, REPLY, changed
from now_jupyter._messages._errors import NowImageError, StoreCorrupt, StoreError
from now_jupyter._store import Record, generation_of
from now_jupyter._transport import LongTexts
from now_jupyter._transport._decoding import events_in, read_body, read_kept
from now_jupyter._values import Generation
from stand import Stand, is_short, on_stand


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with on_stand(tmp_path_factory.mktemp("hostile") / "a.now", deadline=20.0, cap=1 << 20) as stand:
        yield stand


@pytest.mark.row("B3", injected="hostile replies, JSON and streams (hypothesis)")
def test_any_reply_ends_in_pictures_or_an_error(stand: Stand, campaign: Campaign) -> None:
    """Whatever a relay answers, an order ends in a generation or a short error of ours; the record can be read again,
    the outcome is never "not billed", and nothing outside the folder is written.
    """
    tried = 0

    def taken(answer: bytes, **options: Any) -> None:
        stand.serve([Send(answer)])
        came = stand.buy(**options)
        if isinstance(came, NowImageError):
            assert len(came.lines()) <= 6
            assert max(map(len, came.lines())) < 1000
        job = json.loads((stand.folder / "jobs" / f"{len(stand.session.history)}.json").read_bytes())
        again = Record.from_json(job)
        assert json.dumps(again.to_json(), sort_keys=True) == json.dumps(job, sort_keys=True)
        assert (
            isinstance(came, Generation)
            or came.billed != "no"
            or job["error"]["type"] in ("AuthError", "QuotaError", "RejectedError", "RateLimitError")
        )

    @settings(max_examples=1500 if campaign.is_full else 60, **QUIET)
    @given(changed(REPLY), st.booleans())
    def reply(form: Any, streamed: bool) -> None:
        nonlocal tried
        tried += 1
        if streamed:
            event = b"event: image_generation.completed\ndata: " + json.dumps(form).encode() + b"\n\n"
            taken(stream_answer() + chunked(event), params={"stream": True})
        else:
            taken(json_answer(form))

    reply()
    assert [one.name for one in stand.folder.parent.iterdir()] == ["a.now"]
    campaign.figure("hostile replies tried", tried)
    campaign.outcome(outcome="pictures, or a short error", billed="yes / maybe", kept="readable records")


@pytest.mark.row("B1", injected="hostile bytes as bodies, events and kept answers (hypothesis)")
def test_any_bytes_are_read_or_refused(campaign: Campaign) -> None:
    """The readers of bodies, events and kept answers give values or a ValueError or error of ours for any bytes."""
    tried = 0
    pieces = st.sampled_from(
        [
            b"{",
            b"[",
            b'"',
            b"\\ud800",
            b"\xff",
            b"\xef\xbb\xbf",
            b"data: ",
            b"event: x\n",
            b"\n\n",
            b"\r",
            b"null",
            b"1e999",
            b"[DONE]",
            b":",
            b",",
            b"}",
            b"]",
            b"\x1f\x8b",
            json.dumps(REPLY).encode(),
        ]
    )

    @settings(max_examples=5000 if campaign.is_full else 300, **QUIET)
    @given(
        st.lists(pieces | st.binary(max_size=6), max_size=12).map(b"".join),
        st.sampled_from(["", "text/event-stream", "image/x", "x\x00"]),
        st.sampled_from(["", "events", "text", "file", "x\x00"]),
    )
    def read(data: bytes, mime: str, expects: str) -> None:
        nonlocal tried
        tried += 1
        with contextlib.suppress(ValueError):
            read_body(data)
        list(events_in(data))
        try:
            found = read_kept(
                {"status": 200, "content_type": mime, "expects": expects}, [data], LongTexts(lambda: Path("/nowhere/x"))
            )
            list(found[1] if found else ())
        except NowImageError as error:
            is_short(error)

    read()
    campaign.figure("hostile replies tried", tried)
    campaign.outcome(outcome="read, or refused", billed="maybe", kept="raw answer")


@pytest.mark.row("S6", injected="hostile records (hypothesis)")
def test_any_record_is_read_or_refused(tmp_path: Path, campaign: Campaign) -> None:
    """A record from anywhere is read whole or refused by an error of ours; its pictures lie below the folder."""
    tried = 0
    folder = tmp_path / "pictures"

    @settings(max_examples=6000 if campaign.is_full else 400, **QUIET)
    @given(changed(RECORD))
    def read(form: Any) -> None:
        nonlocal tried
        tried += 1
        try:
            record = Record.from_json(form)
        except StoreError as error:
            is_short(error)
            return
        generation = generation_of(record, folder)
        repr(generation)
        json.dumps(record.to_json())
        for picture in generation.pictures:
            assert picture.path.parent == folder
            assert picture.path.resolve().is_relative_to(folder.resolve())

    read()
    bombs = {
        name: {**RECORD, "cost": {**RECORD["cost"], "amount": name}}
        for name in ("1E+999999999", "1E-999999999", "sNaN")
    }
    for form in bombs.values():  # an amount is written out with all its digits
        cost = Record.from_json(form).cost
        assert cost is not None
        assert cost.amount is None
    digests = ("../" * 21 + "x", "A" * 64, "0" * 63, sha256(b"")[:63] + "/", "")
    files = ("../x.png", "/etc/passwd", "a/b", "a\\b", ".hidden", "..", "x\0", "C:x", "x" * 300, "")
    wrong = [*({"sha256": one} for one in digests), *({"file": one} for one in files)]
    for form in wrong:
        with pytest.raises(StoreCorrupt):
            Record.from_json({**RECORD, "outputs": [{**RECORD["outputs"][0], **form}]})
    campaign.figure("hostile records tried", tried + len(bombs) + len(wrong))
    campaign.outcome(outcome="read, or StoreCorrupt", billed="–", kept="others load")
