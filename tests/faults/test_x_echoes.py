"""Row X1, the other side: a relay that repeats the key as relays do.

What is done: the key is covered by stars in every answer before anything of it is kept, shown or logged, also where it
is escaped as in JSON and URLs, or inside a compressed body; the raw answer is therefore kept unpacked. A picture whose
texts repeat the key is kept with its pixels only. An answer packed in a way that nobody asked for and that cannot be
unpacked here (br) is kept as it came.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
import secrets
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image, PngImagePlugin

from campaign import Campaign
from checker import sha256
from faultserver import FaultServer, Seen, Send, chunked, json_answer, response, stream_answer
from now_jupyter._messages._errors import NowImageError
from now_jupyter._settings._key import Key, Redactor
from stand import PATH, new_key, on_stand
from test_x_secrets import Logs, all_frames, hits, logs  # noqa: F401 - a fixture

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON escapes": lambda key: "".join(f"\\u{ord(one):04x}" for one in key),
    "JSON escapes in capitals": lambda key: "".join(f"\\u{ord(one):04X}" for one in key),
    "every other letter escaped": lambda key: "".join(
        f"\\u{ord(one):04x}" if at % 2 else one for at, one in enumerate(key)
    ),
    "URL": lambda key: "".join(f"%{ord(one):02X}" for one in key),
}
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


def fox(seed: int, **texts: str) -> bytes:
    """A picture of noise, so that its base64 is long, with texts in it."""
    facts = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        facts.add_text(name, text)
        facts.add_text(f"{name}-packed", text, zip=True)
    data = io.BytesIO()
    Image.frombytes("RGB", (64, 64), secrets.token_bytes(64 * 64 * 3)).save(data, "PNG", pnginfo=facts)
    assert seed >= 0
    return data.getvalue()


def says(text: str, picture: bytes | None = None) -> bytes:
    """A body that says this text, in which escapes are meant as escapes."""
    if picture is None:
        return b'{"error":{"message":"bad key %s","code":"%s","type":"%s"}}' % ((text.encode(),) * 3)
    told = (
        f'{{"created":1,"usage":{{"note":"{text}","{text}":1}},"data":[{{"revised_prompt":"a fox {text}","b64_json":"'
    )
    return told.encode() + base64.b64encode(picture) + b'"}]}'


def packed(body: bytes, packing: str, *, status: int, headers: dict[str, str]) -> bytes:
    given = {"Content-Type": "application/json", **headers, **({"Content-Encoding": packing} if packing else {})}
    return response(status, PACKINGS[packing](body), headers=given)


@pytest.mark.row(
    "X1", injected="the key in heads, bodies and prompts: 5 forms, each plain, gzip, deflate, byte by byte"
)
@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("form", FORMS)
def test_a_relay_that_repeats_the_key_brings_it_nowhere(
    form: str,
    packing: str,
    tmp_path: Path,
    clean_home: Path,
    logs: Logs,  # noqa: F811 - the fixture
    campaign: Campaign,
) -> None:
    """Records, kept answers, values, errors, their frames and all logs are without it; the picture is the one sent."""
    with on_stand(tmp_path / "a.now", deadline=5.0) as stand, every_line() as lines:
        key, picture = stand.key, fox(1)
        text = FORMS[form](key)
        heads = {"x-request-id": quote(text), "X-Echo": quote(text), "Set-Cookie": f"k={quote(text)}"}
        came = []
        for status, body in ((401, says(text)), (500, says(text)), (200, says(text)), (200, says(text, picture))):
            answer = packed(body, packing, status=status, headers=heads)
            is_sold = status == 200
            script = [Send(answer)] if packing else [Send(answer[:200]), *_pieces(answer[200:])]
            ledger = stand.ledger
            stand.serve(
                ledger.sells(script, pictures=[picture] if picture and body.endswith(b'"}]}') else [])
                if is_sold or status == 500
                else ledger.refuses(script)
            )
            came.append(stand.buy())
        assert all(isinstance(one, NowImageError) for one in came[:3])
        for one in came:
            told = [repr(one), str(one)] + ([all_frames(one)] if isinstance(one, NowImageError) else [])
            assert not hits(key, *told), (form, told)
        (shown,) = stand.session.history[-1].pictures
        assert sha256(shown.bytes()) == sha256(picture)
        assert not hits(key, *(repr(record) for record in stand.session.history.records()))
        assert not hits(key, tmp_path, clean_home)
        assert not hits(key, logs.text.getvalue(), "\n".join(lines))
        assert any("receive_response_headers.complete" in line for line in lines)
        assert not list((tmp_path / "a.now" / "quarantine").iterdir())
        stand.verdict()
    campaign.figure("answers that repeat the key", len(came))
    campaign.outcome(outcome="0 hits", billed="as the row", kept="picture", injected=f"{form}, {packing or 'plain'}")


def _pieces(data: bytes) -> Iterator[Send]:
    return (Send(data[at : at + 97]) for at in range(0, len(data), 97))


class every_line:  # noqa: N801 - used as a context
    """All that httpcore logs, heads of answers included."""

    def __enter__(self) -> list[str]:
        self.lines: list[str] = []
        self._logger = logging.getLogger("httpcore")
        self._handler = logging.Handler(logging.DEBUG)
        self._handler.emit = lambda record: self.lines.append(f"{record.getMessage()} {vars(record)!r}")  # type: ignore[method-assign]
        self._logger.addHandler(self._handler)
        return self.lines

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self._handler)


@pytest.mark.row(
    "X1", injected="the key in the texts of a picture, sent as base64 and as a link, with no room on the disk"
)
@pytest.mark.parametrize("form", ["b64", "url", "bytes"])
def test_a_picture_that_repeats_the_key_is_kept_with_its_pixels(
    form: str, tmp_path: Path, clean_home: Path, campaign: Campaign
) -> None:
    """The picture was paid for and is shown; its texts are gone, and the raw answer with them."""
    with on_stand(tmp_path / "a.now", hosts=["127.0.0.1"]) as stand:
        key = stand.key
        picture = fox(2, prompt=f"a fox by {key}")
        answers: dict[str, Any] = {
            "b64": json_answer({"data": [{"b64_json": base64.b64encode(picture).decode()}]}),
            "url": json_answer({"data": [{"url": stand.link("/fox.png")}]}),
            "bytes": response(200, picture, headers={"Content-Type": "image/png"}),
        }
        stand.serve([Send(answers[form])], links={"/fox.png": [Send(response(200, picture))]})
        (shown,) = stand.bought().pictures
        with Image.open(io.BytesIO(shown.bytes())) as mine, Image.open(io.BytesIO(picture)) as theirs:
            assert mine.tobytes() == theirs.tobytes()
            assert not mine.info
        assert not hits(key, tmp_path, clean_home)
        assert stand.last.status == "done"
    campaign.outcome(outcome="0 hits, pixels equal", billed="yes", kept="pixels", injected=f"picture as {form}")


@pytest.mark.row("X1", injected="the key in an event, split between events and pieces")
def test_a_stream_that_repeats_the_key_brings_it_nowhere(tmp_path: Path, clean_home: Path, campaign: Campaign) -> None:
    """Events come as they come, without the key; a stream that stays open is not held up by it."""
    with on_stand(tmp_path / "a.now", deadline=10.0) as stand:
        key, picture = stand.key, fox(3)
        event = {"b64_json": base64.b64encode(picture).decode(), "revised_prompt": key, "usage": {"note": key}}
        told = b"event: image_generation.completed\ndata: " + json.dumps(event).encode() + b"\n\n: " + key.encode()[:9]
        body = [told[at : at + 61] for at in range(0, len(told), 61)]
        stand.serve([Send(stream_answer() + chunked(*body))])
        (shown,) = stand.bought(params={"stream": True}).pictures
        assert shown.bytes() == picture
        assert not hits(key, tmp_path, clean_home, repr(stand.session.history.records()))
    campaign.outcome(outcome="0 hits", billed="yes", kept="picture")


@pytest.mark.row("X1", injected="every form of the key at every place of a split answer")
def test_every_form_is_taken_out_wherever_it_is_split(campaign: Campaign) -> None:
    """Whatever the pieces, the key is covered, nothing else is changed, and no byte is lost or added."""
    key = new_key()
    body = " ".join(f"fox {form(key)} {key[:20]} sk- %7B \\u00e9 &#1;" for form in FORMS.values()).encode()
    whole = Redactor(Key(key)).redact(body)
    assert not hits(key, whole.replace(key[:20].encode(), b""))
    for size in (1, 2, 3, 7, 64, 300, 5000):
        redactor = Redactor(Key(key))
        shown = b"".join(redactor.feed(body[at : at + size]) for at in range(0, len(body), size)) + redactor.end()
        assert shown == whole, size
    other = base64.b64encode(secrets.token_bytes(100_000))
    assert Redactor(Key(key)).redact(other) == other
    campaign.outcome(outcome="covered", billed="–", kept="all else")


def test_nothing_of_the_key_stays_with_the_logger(tmp_path: Path) -> None:
    """When a session is closed, the logs of the HTTP library are as they were."""
    logger = logging.getLogger("httpcore.http11")
    before = list(logger.filters)
    with FaultServer() as server, on_stand(tmp_path / "a.now", server=server) as stand:
        server.script(lambda _seen: [Send(json_answer({"error": {"message": "no"}}, status=400))], path=PATH)
        stand.refused()
        assert len(logger.filters) > len(before)
    assert logger.filters == before
    assert isinstance(server.seen[0], Seen)
