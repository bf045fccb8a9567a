"""Rows B1 to B4: what is wrong with the body of an answer that was paid for."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaign import Campaign
from faultserver import Close, Reset, Send, chunked, json_answer, response, stream_answer
from now_jupyter._messages._errors import BadImageError, BadResponseError, MaybeBilledError, NowImageError
from stand import Stand, b64_answer, item, on_stand, png, sells, web_page

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with on_stand(tmp_path / "a.now") as stand:
        yield stand


def fails(
    stand: Stand, script: list[Any], *kinds: type[NowImageError], pictures: tuple[bytes, ...] = ()
) -> NowImageError:
    """Order into a fault: maybe billed, sent once, marked, and what came is kept."""
    stand.serve(stand.ledger.sells(script, pictures=pictures))
    error = stand.refused()
    assert type(error) in kinds, repr(error)
    assert error.billed == "maybe"
    assert len(error.lines()) <= 6
    assert stand.posts == 1
    assert stand.last.status == "unknown"
    assert stand.last.billed == "maybe"
    stand.verdict()
    return error


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


@pytest.mark.row("B1", injected="cut (length, chunked), empty, null, HTML page, wrong encoding")
def test_a_body_that_is_none_is_kept_and_told(stand: Stand, campaign: Campaign) -> None:
    """Whatever is wrong with the body of a 200: never sent again, maybe billed, the raw bytes stay."""
    body = body_of(b64_answer(png(1)))
    half = body[: len(body) // 2]
    cut = {
        "by length": [Send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + half), Close()],
        "by chunk": [Send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(half, end=False)), Close()],
        "by reset": [Send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + half), Reset()],
    }
    for script in cut.values():
        fails(stand, script, MaybeBilledError, pictures=(png(1),))
        assert len(stand.last.answer) > 0 or script is cut["by reset"]
    unclosed = [Send(HEAD + b"Connection: close\r\n\r\n" + half), Close()]
    fails(stand, unclosed, BadResponseError, pictures=(png(1),))
    assert half in stand.last.answer
    others: dict[str, bytes] = {
        "empty": response(200, b""),
        "null": response(200, b"null"),
        "a number": response(200, b"42"),
        "an empty list": response(200, b'{"data": []}'),
        "a page": web_page(),
        "latin text": response(200, "schöne Grüße".encode("latin-1")),
        "UTF-16": response(200, json.dumps({"data": []}).encode("utf-16")),
        "deep JSON": response(200, b'{"data":' * 100_000),
        "a huge number": response(200, b'{"data": ' + b"9" * 6000 + b"}"),
        "gzip that is none": response(200, b"\x1f\x8bnonsense" * 9, headers={"Content-Encoding": "gzip"}),
        "an unknown packing": response(200, b"\x28\xb5\x2f\xfd" * 9, headers={"Content-Encoding": "zstd"}),
    }
    for name, answer in others.items():
        fails(stand, [Send(answer)], BadResponseError)
        assert body_of(answer)[:64] in stand.last.answer, name
    campaign.figure("broken bodies tried", len(cut) + 1 + len(others))
    campaign.outcome(outcome="MaybeBilled or BadResponse, 1 POST", billed="maybe", kept="raw answer, byte for byte")


@pytest.mark.row("B1", injected="cut behind the first of two pictures, then resume")
def test_what_is_whole_in_a_cut_answer_comes_at_once(stand: Stand, campaign: Campaign) -> None:
    """The pictures that are whole in it come, the rest stays marked; `resume` reads it again, free."""
    body = body_of(b64_answer(png(2), png(3)))
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    for cut in (body.rindex(b'{"b64_json"'), len(body) - 9):
        stand.serve(stand.ledger.sells([Send(head + body[:cut]), Close()], pictures=(png(2), png(3))))
        assert stand.bought().pictures[0].bytes() == png(2)  # one was asked for, and one came
        assert stand.last.status == "done"
    cut_off = [Send(head + body[: len(body) - 9]), Close()]
    stand.serve(stand.ledger.sells(cut_off, pictures=[png(2), png(3)]))
    generation = stand.bought(n=2)
    assert [one.bytes() for one in generation.pictures] == [png(2)]
    assert (generation.status, generation.error and generation.error.type) == ("partial", "MaybeBilledError")
    stand.serve_link("/", [Reset()])
    (collected,) = stand.session.resume()
    assert (collected.status, len(collected.pictures)) == ("partial", 1)
    assert stand.last.answer
    assert stand.posts == 1
    campaign.outcome(outcome="whole pictures come, sent once", billed="yes", kept="pictures, raw answer")


@pytest.mark.row("B2", injected="wrong Content-Type, bare image bytes, BOM, packed unasked")
def test_what_can_be_used_is_used(stand: Stand, campaign: Campaign) -> None:
    """An answer that calls itself something else but holds the picture was paid for, and is taken."""
    body = body_of(b64_answer(png(5)))
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    raw_deflate = compressor.compress(body) + compressor.flush()
    answers = [
        *(
            response(200, body, headers={"Content-Type": kind})
            for kind in ("text/html", "image/png", "x", "text/event-stream")
        ),
        response(200, body, headers={"Content-Type": ""}),
        response(200, b"\xef\xbb\xbf" + body),
        response(200, b"\r\n \t" + body + b"\n\n"),
        response(200, png(5), headers={"Content-Type": "application/json"}),
        response(200, png(5), headers={"Content-Type": "image/jpeg"}),
        response(200, gzip.compress(body), headers={"Content-Encoding": "gzip"}),
        response(200, zlib.compress(body), headers={"Content-Encoding": "deflate"}),
        response(200, raw_deflate, headers={"Content-Encoding": "deflate"}),
        response(200, body, headers={"Content-Encoding": "gzip"}),
        response(201, body),
        stream_answer()
        + chunked(b'data: {"type":"image_generation.completed",' + json.dumps(item(png(5))).encode()[1:] + b"\n\n"),
    ]
    for answer in answers:
        stand.serve(stand.ledger.sells([Send(answer)], pictures=[png(5)]))
        generation = stand.bought()
        assert generation.status == "done"
        assert generation.pictures[0].bytes() == png(5)
        assert stand.posts == 1
    assert stand.verdict().marked == 0
    campaign.figure("odd but usable bodies tried", len(answers))
    campaign.outcome(outcome="accepted", billed="yes", kept="picture, byte for byte")


def odd_item(data: bytes, form: int) -> Any:
    text = base64.b64encode(data).decode()
    wrapped = "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    forms: list[Any] = [
        {"b64_json": f"data:image/png;base64,{text}"},
        {"b64_json": wrapped},
        {"b64_json": base64.urlsafe_b64encode(data).decode().rstrip("=")},
        {"b64": text},
        {"base64": text},
        {"url": f"data:image/png;base64,{text}"},
        {"image": f"data:image/png;base64,{text}"},
        {"b64_json": text, "url": "", "revised_prompt": None},
        {"b64_json": text, "revised_prompt": 7, "seed": "x"},
    ]
    return forms[form]


@pytest.mark.row("B3", injected="data missing, fewer, more, mixed items; odd forms of url and b64")
def test_items_in_every_form_are_taken(stand: Stand, campaign: Campaign) -> None:
    """Usable items are saved in whatever form they come, unusable ones are passed over, and too few are told."""
    for form in range(9):
        stand.serve(
            stand.ledger.sells(
                [Send(json_answer({"data": [odd_item(png(10 + form), form)]}))], pictures=[png(10 + form)]
            )
        )
        assert stand.bought().pictures[0].bytes() == png(10 + form)
    two = [item(png(20)), item(png(21))]
    fewer = stand.ledger.sells([Send(json_answer({"data": two}))], pictures=[png(20), png(21)])
    stand.serve(fewer)
    generation = stand.bought(n=4)
    assert generation.status == "partial"
    assert generation.error is not None
    assert "asked for 4, got 2" in generation.error.message()
    more = [png(30 + n) for n in range(3)]
    stand.serve(sells(stand.ledger, *more))
    assert len(stand.bought(n=1).pictures) == 3
    mixed = [None, 7, "", {}, [], {"url": None}, {"b64_json": ""}, item(png(40)), {"url": "ftp"}, True]
    stand.serve(stand.ledger.sells([Send(json_answer({"data": mixed}))], pictures=[png(40)]))
    assert [one.bytes() for one in stand.bought(n=1).pictures] == [png(40)]
    for shape in ({"images": two}, {"output": two}, two, {"data": {"b64_json": item(png(20))["b64_json"]}}):
        stand.serve(stand.ledger.sells([Send(json_answer(shape))], pictures=[png(20)]))
        assert png(20) in [one.bytes() for one in stand.bought(n=1).pictures]
    for missing in ({}, {"data": None}, {"data": [{}]}, {"created": 1, "usage": {}}):
        error = fails(stand, [Send(json_answer(missing))], BadResponseError)
        assert "holds no picture" in str(error)
    stand.verdict()
    campaign.outcome(outcome='usable saved, "asked for 4, got 2"', billed="yes", kept="pictures, raw answer")


@pytest.mark.row("B4", injected="broken base64 in one of three items")
def test_one_broken_item_does_not_cost_the_others(stand: Stand, campaign: Campaign) -> None:
    """An item whose base64 or picture is broken goes into quarantine; the others are saved, the job is partial."""
    broken = {"b64_json": base64.b64encode(png(51)).decode()[:-9] + "!!!"}
    cut = {"b64_json": base64.b64encode(png(52)[:-20]).decode()}
    page = {"b64_json": base64.b64encode(b"<html onload=alert(1)>").decode()}
    for bad in (broken, cut, page):
        answer = json_answer({"data": [item(png(50)), bad, item(png(53))]})
        stand.serve(stand.ledger.sells([Send(answer)], pictures=[png(50), png(53)]))
        before = set((stand.folder / "quarantine").glob("*"))
        generation = stand.bought(n=3)
        assert [one.bytes() for one in generation.pictures] == [png(50), png(53)]
        assert generation.status == "partial"
        assert generation.error is not None
        assert generation.error.type == BadImageError.__name__
        assert len(set((stand.folder / "quarantine").glob("*")) - before) == 2  # the bytes and the reason
        assert stand.last.answer  # until all is safe, the raw answer stays
    stand.verdict()
    campaign.outcome(outcome="others saved, job partial", billed="yes", kept="2 pictures, 1 in quarantine, raw answer")
