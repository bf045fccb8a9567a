"""From a service's call to what goes over the wire, and files that come back."""

from __future__ import annotations

import base64
import email
import email.policy
import io
import secrets
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from PIL import Image

from faultserver import Close, FaultServer, Reset, Seen, Send, json_answer, response
from now_jupyter._messages import BadResponseError, InputError, NowImageError, RejectedError, StoreUnavailable
from now_jupyter._protocol import Call, File, Later
from now_jupyter._settings import Key
from now_jupyter._transport import Inputs, RelayClient
from paid_calls import OK, ORDER, ask, order
from wire import GENERATIONS, PNG_START, PNG_TYPE

HOST = "https://relay.example"


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[bytes], File]:
    """Keep an input below its digest, as the store does."""

    def put(data: bytes, suffix: str = "") -> File:
        name = secrets.token_hex(8)
        (tmp_path / name).write_bytes(data)
        return File(sha256=name)

    return put


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return lambda sha256: tmp_path / sha256


# Where to


@pytest.mark.parametrize(
    ("base_url", "call", "url"),
    [
        (HOST, Call(path=GENERATIONS), f"{HOST}{GENERATIONS}"),
        (HOST, Call(path="/images/edits"), f"{HOST}/v1/images/edits"),
        (f"{HOST}/x/", Call(path=GENERATIONS), f"{HOST}/x{GENERATIONS}"),
        (f"{HOST}/api/v3", Call(path=GENERATIONS), f"{HOST}/api/v3/images/generations"),
        (f"{HOST}/api/v3", Call(path="/mj/submit/imagine", base="host"), f"{HOST}/api/mj/submit/imagine"),
        (
            HOST,
            Call(path="/mj/task/{}/fetch", ids=("1 /ü?#%",), base="host"),
            f"{HOST}/mj/task/1%20%2F%C3%BC%3F%23%25/fetch",
        ),
        (HOST, Call(path="/a/{}/b/{}", ids=("{}", "x"), base="host"), f"{HOST}/a/%7B%7D/b/x"),
        (HOST, Call(path="/usage?type=a", query={"unit": "a b&"}), f"{HOST}/v1/usage?type=a&unit=a+b%26"),
        (HOST, Call(path=f"{HOST}/kling/v1/videos/{{}}", ids=("1",)), f"{HOST}/kling/v1/videos/1"),
        (f"{HOST}/x/v1", Call(path="/x/1.png", base="host", expects="file"), f"{HOST}/x/1.png"),
        (f"{HOST}/x/v1", Call(path="/xy/1.png", base="host", expects="file"), f"{HOST}/x/xy/1.png"),
        (f"{HOST}/x/v1", Call(path="/x/1", base="host"), f"{HOST}/x/x/1"),
        (f"{HOST}/x", Call(path="HTTPS://relay.example:443/task/1".lower()), f"{HOST}/task/1"),
    ],
)
def test_a_call_is_made_below_the_relays_address(base_url: str, call: Call, url: str) -> None:
    """Below its version or what stands before it; ids are one segment each; a whole address has to be the relay's; a
    file that an answer names from the origin on is not looked for below the same prefix twice.
    """
    assert httpx.URL(RelayClient(base_url=base_url).url_of(call)) == httpx.URL(url)


@pytest.mark.parametrize(
    "call",
    [
        *(Call(path=path) for path in ("//evil.example/x", "/a/../b", "/a/%2e%2E/b", "/./b", "/a#b", "/a\\b", "a", "")),
        *(Call(path=path) for path in ("/a b", "/a\nb", "https://evil.example/x", "http://relay.example/x", "ftp://x")),
        *(Call(path=path) for path in ("https://relay.example@evil.example/", "https://evil.example\\@relay.example/")),
        *(Call(path="/task/{}", ids=(one,)) for one in ("", ".", "..")),
    ],
)
def test_what_is_not_the_relays_is_refused_before_sending(server: FaultServer, call: Call) -> None:
    """Foreign origins, dot segments and ids that are no part of an address."""
    with pytest.raises(InputError):
        RelayClient(base_url=HOST).url_of(call)
    assert isinstance(ask(server.url, call), InputError)
    assert isinstance(order(server.url, call).error, InputError)
    assert server.connections == 0


@pytest.mark.parametrize(
    "call",
    [
        Call(path="/a/{}"),
        Call(path="/a", ids=("1",)),
        Call(path="/a", json={"a": Later("a")}),
        Call(path="/a", form=(("a", Later("a")),)),
        Call(path="/a", json={}, form=()),
        Call(path="/a", json={"a": File(sha256="a")}),
        Call(path="/a", json={"a": File(sha256="a", form="base64")}),
    ],
)
def test_a_call_that_is_not_well_formed_is_a_bug(server: FaultServer, call: Call) -> None:
    """A value that nobody filled in, two bodies, a file where none can be: nothing goes out."""
    with pytest.raises(TypeError):
        order(server.url, call)
    assert server.connections == 0


def test_the_key_is_filled_in_where_headers_ask_for_it(server: FaultServer, key: Key) -> None:
    """There and nowhere else; without a key such a header does not go."""
    server.script(OK)
    call = replace(ORDER, json={"prompt": "{key}"}, headers={"Api-Key": "{key}", "X-Mode": "fast"})
    order(server.url, call, key=key)
    order(server.url, call)
    first, second = server.seen
    assert first.headers["api-key"] == key.header().removeprefix("Bearer ")
    assert "authorization" not in first.headers
    assert first.json() == {"prompt": "{key}"}
    assert "api-key" not in second.headers
    assert second.headers["x-mode"] == "fast"


# What


def test_inputs_are_put_into_json(server: FaultServer, keep: Callable[[bytes], File], inputs: Inputs) -> None:
    """As base64 and as data URIs, wherever they stand, with a known length."""
    data = [secrets.token_bytes(size) for size in (0, 1, 200_000, 200_001)]
    files = [replace(keep(PNG_START + one), form="base64") for one in data]
    body = {"image": files, "deep": [{"mask": replace(files[1], form="data-uri")}], "prompt": 'a "fox"\ud800'}
    server.script(OK)
    assert order(server.url, replace(ORDER, json=body), inputs=inputs).error is None
    packed = [base64.b64encode(PNG_START + one).decode() for one in data]
    wanted = {"image": packed, "deep": [{"mask": f"data:{PNG_TYPE};base64,{packed[1]}"}], "prompt": 'a "fox"\ud800'}
    assert server.seen[0].json() == wanted
    assert int(server.seen[0].headers["content-length"]) == len(server.seen[0].body)


def parts_of(seen: Seen) -> list[tuple[str | None, str | None, str, bytes]]:
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + seen.body, policy=email.policy.HTTP)
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()  # type: ignore[attr-defined]
    ]


def test_a_form_has_fields_and_named_files(server: FaultServer, keep: Callable[[bytes], File], inputs: Inputs) -> None:
    """In their order, typed by their bytes, with a suffix that fits; also where it is sent again."""
    png, mp3, odd = PNG_START + b"x" * 99_999, b"ID3\x04" + b"\r\n--" * 999, b"\0?"
    form = (
        ("prompt", '纸船\r\n"fox"'),
        ("image[]", keep(png)),
        ("image[]", keep(mp3)),
        ("mask", keep(odd)),
        ("text", replace(keep(b"abc"), form="base64")),
        ('a"b', "1"),
    )
    server.script([Send(json_answer({}, status=429))], OK)
    call = replace(ORDER, json=None, form=form)
    assert order(server.url, call, inputs=inputs).error is None
    first, second = server.seen
    assert first.body == second.body
    assert int(first.headers["content-length"]) == len(first.body)
    assert parts_of(first) == [
        ("prompt", None, "text/plain", '纸船\r\n"fox"'.encode()),
        ("image[]", "image.png", PNG_TYPE, png),
        ("image[]", "image.mp3", "audio/mpeg", mp3),
        ("mask", "mask", "application/octet-stream", odd),
        ("text", None, "text/plain", b"YWJj"),
        ("a%22b", None, "text/plain", b"1"),
    ]


def test_no_input_is_whole_in_memory(server: FaultServer, keep: Callable[[bytes], File], inputs: Inputs) -> None:
    """A body of any size takes two megabytes at most, in a form and inside JSON."""
    file = keep(PNG_START + bytes(40_000_000))
    client = RelayClient(base_url=HOST)

    async def read(call: Call) -> int:
        from contextlib import ExitStack

        from now_jupyter._transport._requests import open_body

        with ExitStack() as undo:
            body = await open_body(call, inputs, undo)
            assert body is not None
            size = 0
            async for piece in body:
                size += len(piece)
            assert size == int(body.headers["Content-Length"])
            return size

    for call in (
        replace(ORDER, json=None, form=(("image", file),)),
        replace(ORDER, json=[replace(file, form="base64")]),
    ):
        tracemalloc.start()
        try:
            assert anyio.run(read, call) > 40_000_000
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
        finally:
            tracemalloc.stop()
    anyio.run(client.aclose)


def test_an_input_that_is_gone_stops_the_order(server: FaultServer, inputs: Inputs) -> None:
    """Before anything goes out, and no try is made."""
    call = replace(ORDER, json=None, form=(("image", File(sha256="gone")),))
    came = order(server.url, call, inputs=inputs)
    assert isinstance(came.error, NowImageError)
    assert (server.connections, came.attempts) == (0, [])


# Conversions


def saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    data = io.BytesIO()
    picture.save(data, form, **options)
    return data.getvalue()


def alpha_mask() -> bytes:
    mask = Image.new("RGBA", (2, 1), (9, 9, 9, 255))
    mask.putpixel((0, 0), (9, 9, 9, 0))
    return saved(mask, "PNG")


def white_mask() -> bytes:
    mask = Image.new("RGB", (2, 1), (0, 0, 0))
    mask.putpixel((0, 0), (255, 255, 255))
    return saved(mask, "PNG")


@pytest.mark.parametrize("mask", [alpha_mask(), white_mask()], ids=["alpha", "white"])
@pytest.mark.parametrize(
    ("convert", "band", "pixels"),
    [("mask-alpha", "A", [0, 255]), ("mask-white", "L", [255, 0]), ("mask-black", "L", [0, 255])],
)
def test_a_mask_is_sent_as_the_service_reads_it(
    server: FaultServer,
    keep: Callable[[bytes], File],
    inputs: Inputs,
    mask: bytes,
    convert: Any,
    band: str,
    pixels: list[int],
) -> None:
    """Transparent, white or black where to repaint, whichever the user's is: here the left pixel."""
    server.script(OK)
    order(server.url, replace(ORDER, json=None, form=(("mask", replace(keep(mask), convert=convert)),)), inputs=inputs)
    (part,) = parts_of(server.seen[0])
    assert part[:3] == ("mask", "mask.png", PNG_TYPE)
    with Image.open(io.BytesIO(part[3])) as sent:
        assert list(sent.getchannel(band).tobytes()) == pixels


def test_a_picture_is_sent_as_png(server: FaultServer, keep: Callable[[bytes], File], inputs: Inputs) -> None:
    """Upright, also inside JSON; what is PNG stays as it is, and no file is left behind."""
    turned = Image.Exif()
    turned[0x0112] = 6
    jpeg = saved(Image.new("CMYK", (4, 2)), "JPEG", exif=turned.tobytes())
    png = saved(Image.new("RGB", (1, 1)), "PNG")
    files = [replace(keep(data), form="base64", convert="png") for data in (jpeg, png)]
    server.script(OK)
    order(server.url, replace(ORDER, json={"images": files}), inputs=inputs)
    first, second = map(base64.b64decode, server.seen[0].json()["images"])
    assert second == png
    with Image.open(io.BytesIO(first)) as sent:
        assert (sent.format, sent.size, sent.mode) == ("PNG", (2, 4), "RGB")


def test_what_cannot_be_converted_stops_the_order(
    server: FaultServer, keep: Callable[[bytes], File], inputs: Inputs
) -> None:
    """Before anything goes out."""
    call = replace(ORDER, json=None, form=(("mask", replace(keep(b"none"), convert="mask-white")),))
    assert isinstance(order(server.url, call, inputs=inputs).error, NowImageError)
    assert server.connections == 0


# Files that a call gives


def download(server: FaultServer, path: Path, **options: Any) -> Any:
    async def at_once(_seconds: float) -> None:
        return None

    async def perform() -> str | NowImageError:
        client = RelayClient(base_url=server.url, sleep=at_once, **options)
        try:
            return await client.download(Call(path="/videos/{}/content", ids=("1",), method="GET"), path)
        except NowImageError as problem:
            return problem
        finally:
            await client.aclose()

    return anyio.run(perform)


def test_a_call_gives_a_file(server: FaultServer, tmp_path: Path, key: Key) -> None:
    """With the key, tried again where that may help, private, nothing of a broken try in it."""
    data = b"\0\0\0\x18ftypmp42" + b"x" * 500_000
    whole = response(200, data, headers={"Content-Type": "video/mp4; x=y"})
    server.script([Reset()], [Send(response(200, data * 2, length=len(data) * 3)), Close()], [Send(whole)])
    path = tmp_path / "film"
    assert download(server, path, key=key) == "video/mp4"
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o600
    assert {one.headers["authorization"] for one in server.seen} == {key.header()}
    assert server.seen[0].path == "/v1/videos/1/content"


@pytest.mark.parametrize(
    ("script", "kind", "tries"),
    [([Send(response(404))], RejectedError, 1), ([Send(response(200, b"x" * 9999))], BadResponseError, 1)],
)
def test_a_file_that_does_not_come_leaves_nothing(
    server: FaultServer, tmp_path: Path, script: list[Any], kind: type[NowImageError], tries: int
) -> None:
    """Refused, or larger than the cap."""
    server.script(script)
    error = download(server, tmp_path / "film", largest_file=5000)
    assert type(error) is kind
    assert len(server.seen) == tries
    assert not (tmp_path / "film").exists()


def test_a_folder_that_is_gone_takes_no_file(server: FaultServer, tmp_path: Path) -> None:
    """It is the store's error, and nothing is asked for."""
    assert isinstance(download(server, tmp_path / "none" / "film"), StoreUnavailable)
    assert server.connections == 0
