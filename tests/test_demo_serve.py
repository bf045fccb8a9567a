"""The demo relay on loopback: who is let in, and that an unchanged OpenAI client works with it."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator

import pytest

from demo_calls import opened
from now_jupyter.demo import Relay, serve


async def talk(address: str, *lines: str, body: bytes = b"") -> bytes:
    """Send raw bytes and read until the server hangs up."""
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def knock(*lines: str, body: bytes = b"", key: str | None = None) -> bytes:
    """Serve a relay for one conversation; `{host}` in a line is the right Host."""
    relay = Relay(base_url="http://localhost", latency=0, key=key)
    async with serve(relay) as address:
        host = address.removeprefix("http://")
        port = host.partition(":")[2]
        return await talk(address, *(line.format(host=host, port=port) for line in lines), body=body)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("GET /v1/models HTTP/1.1", "Host: {host}"), 200),
        (("GET /v1/models HTTP/1.1", "Host: {host}", "Origin: http://{host}"), 200),
        (("GET /v1/models HTTP/1.1", "Host: localhost:{port}"), 200),
        (("GET /v1/models HTTP/1.1", "Host: localhost"), 403),
        (("GET /v1/models HTTP/1.1", "Host: evil.example"), 403),
        (("GET /v1/models HTTP/1.1",), 403),
        (("GET /v1/models HTTP/1.1", "Host: {host}", "Origin: https://evil.example"), 403),
        (("GET /v1/models HTTP/1.1", "Host: {host}", "Origin: null"), 403),
        (("OPTIONS /v1/models HTTP/1.1", "Host: {host}"), 405),
        (
            ("POST /v1/images/generations HTTP/1.1", "Host: {host}", "Content-Type: text/plain", "Content-Length: 2"),
            415,
        ),
        (
            (
                "POST /v1/images/generations HTTP/1.1",
                "Host: {host}",
                "Content-Type: application/json",
                "Content-Length: -2",
            ),
            400,
        ),
        (
            (
                "POST /v1/images/generations HTTP/1.1",
                "Host: {host}",
                "Content-Type: application/json",
                "Content-Length: 99999999",
            ),
            413,
        ),
        (("POST /x HTTP/1.1", "Host: {host}", "Content-Type: application/json", "Transfer-Encoding: chunked"), 411),
        (("GET /pictures/../../etc/passwd HTTP/1.1", "Host: {host}"), 404),
        (("GET /pictures/%2e%2e/%2e%2e/etc/passwd HTTP/1.1", "Host: {host}"), 404),
        (("GET /pictures/nothing.png HTTP/1.1", "Host: {host}"), 404),
        (("GET /v1/models HTTP/1.1", "Host: {host}", "Host: {host}"), 400),
        (("nonsense", "Host: {host}"), 400),
        (("GET /v1/models HTTP/1.1", "Host: {host}", "X-Long: " + "a" * 70_000), 431),
    ],
)
def test_only_the_right_manners_are_let_in(lines: tuple[str, ...], status: int) -> None:
    """And nobody is told that other origins are welcome."""
    answer = asyncio.run(knock(*lines))
    assert status_of(answer) == status
    assert b"access-control" not in answer.lower()


def test_the_key_is_demanded_over_the_wire() -> None:
    """401 without, 200 with it."""
    lines = ("GET /v1/models HTTP/1.1", "Host: {host}")
    assert status_of(asyncio.run(knock(*lines, key="toy"))) == 401
    assert status_of(asyncio.run(knock(*lines, "Authorization: Bearer toy", key="toy"))) == 200


async def send_at_length(address: str, chunks: int) -> bytes:
    """Send a long body without a key, never holding it whole."""
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = ("POST /v1/images/edits HTTP/1.1", f"Host: {host}:{port}", "Content-Type: application/json")
    writer.write("\r\n".join([*head, f"Content-Length: {chunks << 16}", "Connection: close", "", ""]).encode())
    for _ in range(chunks):
        writer.write(bytes(1 << 16))
        await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_a_stranger_is_heard_and_not_kept() -> None:
    """The key is looked at before the body: what somebody without it sends takes no memory, and is answered."""

    async def story() -> bytes:
        async with serve(Relay(base_url="http://localhost", latency=0, key="toy")) as address:
            return await send_at_length(address, 320)

    tracemalloc.start()
    try:
        answer = asyncio.run(story())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert status_of(answer) == 401
    assert peak < 8 << 20  # of the 20 MiB that were sent


def test_sixteen_large_pictures_are_taken() -> None:
    """A form may be much larger than JSON."""
    lines = ("POST /v1/images/edits HTTP/1.1", "Host: {host}", "Content-Type: multipart/form-data; boundary=x")
    body = bytes(110 << 20)
    assert (
        status_of(asyncio.run(knock(*lines, f"Content-Length: {len(body)}", body=body))) == 400
    )  # it is read, and no form


@pytest.mark.parametrize("length", ["9" * 5000, "0" * 5000 + "9" * 9])
def test_a_length_of_any_length_is_answered(length: str) -> None:
    """A number that Python would not even read is too large."""
    lines = ("POST /v1/images/edits HTTP/1.1", "Host: {host}", "Content-Type: application/json")
    answer = asyncio.run(knock(*lines, f"Content-Length: {length}", body=b"x"))
    assert status_of(answer) == 413


@pytest.mark.parametrize("path", ["/v1/images/generations", "/mj/submit/imagine", "/ideogram/generate"])
@pytest.mark.parametrize("text", [r"\ud800 fox", r"\udfff", r"\ud83d\ude00"])
def test_half_a_character_is_answered(path: str, text: str) -> None:
    """A lone surrogate is legal in JSON and can be written in no UTF-8: wherever it stands, there is an answer."""
    for fields in (f'{{"model":"gpt-image-2","prompt":"{text}"}}', f'{{"model":"{text}","image_request":"{text}"}}'):
        lines = (f"POST {path} HTTP/1.1", "Host: {host}", "Content-Type: application/json")
        answer = asyncio.run(knock(*lines, f"Content-Length: {len(fields)}", body=fields.encode()))
        assert answer.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(("fault", "begins"), [("reset", b""), ("cut", b"HTTP/1.1 200")])
def test_lost_connections_are_really_lost(fault: str, begins: bytes) -> None:
    """Fewer bytes than promised, or none."""
    body = json.dumps({"model": "gpt-image-2", "prompt": "fox", "demo": {"fault": fault}}).encode()
    head = ("POST /v1/images/generations HTTP/1.1", "Host: {host}", "Content-Type: application/json")

    async def story() -> bytes:
        try:
            return await knock(*head, f"Content-Length: {len(body)}", body=body)
        except ConnectionError:
            return begins

    answer = asyncio.run(story())
    assert answer.startswith(begins)
    if b"content-length: " in answer:
        promised = int(answer.partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert len(answer.partition(b"\r\n\r\n")[2]) < promised


@pytest.fixture(scope="module")
def program() -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """`python -m now_jupyter.demo`, and its first line."""
    command = [sys.executable, "-m", "now_jupyter.demo", "--latency", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert not errors


@pytest.mark.slow
def test_the_official_client_generates_from_both_kinds_of_model(program: tuple[object, dict[str, str]]) -> None:
    """Base64 from a GPT model, a link from dall-e, unmodified client."""
    import openai

    with openai.OpenAI(base_url=program[1]["base_url"] + "/v1", api_key=program[1]["key"], max_retries=0) as client:
        coded = client.images.generate(model="gpt-image-2", prompt="a fox", size="1024x1536", n=2)
        assert coded.data is not None
        assert coded.usage is not None
        assert [opened(base64.b64decode(item.b64_json or "")).size for item in coded.data] == [(1024, 1536)] * 2
        linked = client.images.generate(model="dall-e-3", prompt="a fox")
        assert linked.data is not None
        assert (linked.data[0].url or "").startswith(program[1]["base_url"])
        picture = client._client.get(linked.data[0].url or "")
        assert opened(picture.content).size == (1024, 1024)
        assert "gpt-image-2" in [model.id for model in client.models.list()]


@pytest.mark.slow
def test_the_official_client_streams_partials(program: tuple[object, dict[str, str]]) -> None:
    """Two partial pictures, then the picture."""
    import openai

    with openai.OpenAI(base_url=program[1]["base_url"] + "/v1", api_key=program[1]["key"], max_retries=0) as client:
        stream = client.images.generate(model="gpt-image-2", prompt="a fox", stream=True, partial_images=2)
        types = [event.type for event in stream]
    assert types == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]


@pytest.mark.slow
def test_the_official_client_talks_to_models_that_draw(program: tuple[object, dict[str, str]]) -> None:
    """A picture in words, whole and streamed, and Google's dialect of sizes as a field of its own."""
    import openai

    with openai.OpenAI(base_url=program[1]["base_url"] + "/v1", api_key=program[1]["key"], max_retries=0) as client:
        google = {"extra_body": {"google": {"image_config": {"aspect_ratio": "16:9"}}}}
        whole = client.chat.completions.create(
            model="gemini-3-pro-image-preview",
            messages=[{"role": "user", "content": "a fox"}],
            extra_body=google,
        )
        words = whole.choices[0].message.content or ""
        encoded = words.partition("base64,")[2].rstrip(")")
        width, height = opened(base64.b64decode(encoded)).size
        assert width > height
        stream = client.chat.completions.create(
            model="gpt-4o-image", messages=[{"role": "user", "content": "a fox"}], stream=True
        )
        told = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "进度" in told
    assert "![file_00.png](http" in told


@pytest.mark.slow
def test_the_official_client_edits_and_is_refused_as_by_the_real_ones(program: tuple[object, dict[str, str]]) -> None:
    """Its multipart is read, its errors are its own classes."""
    import openai

    with openai.OpenAI(base_url=program[1]["base_url"] + "/v1", api_key=program[1]["key"], max_retries=0) as client:
        first = client.images.generate(model="gpt-image-2", prompt="a fox")
        assert first.data is not None
        source = base64.b64decode(first.data[0].b64_json or "")
        edited = client.images.edit(model="gpt-image-2", prompt="a cat", image=[("a.png", source), ("b.png", source)])
        assert edited.data is not None
        assert opened(base64.b64decode(edited.data[0].b64_json or "")).size == (1024, 1024)
        with pytest.raises(openai.BadRequestError, match="safety system"):
            client.images.generate(model="gpt-image-2", prompt="demo-banned")
        wrong = client.with_options(api_key="wrong")
        with pytest.raises(openai.AuthenticationError):
            wrong.models.list()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_program_cleanly(number: signal.Signals) -> None:
    """Exit code 0, no traceback; the key may come from the environment."""
    command = [sys.executable, "-m", "now_jupyter.demo", "--key-env", "DEMO_TOY_KEY"]
    environment = os.environ | {"DEMO_TOY_KEY": "toy"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["key"] == "toy"
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
