"""A clock to set by hand, and short ways of asking the demo relay."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from now_jupyter.demo import Relay, Request

JSON_HEADERS = {"content-type": "application/json"}
BASE_URL = "https://demo.invalid"


@dataclass
class Clock:
    """Time that passes only when somebody sleeps or turns it."""

    now: float = 1_763_800_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]

    @property
    def events(self) -> list[tuple[str, Any]]:
        frames = self.body.decode().removesuffix("data: [DONE]\n\n").strip().split("\n\n")
        pairs = [frame.split("\n") for frame in frames if frame]
        return [(event.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for event, data in pairs]


def new_relay(*, latency: float = 0, key: str | None = None, clock: Clock | None = None) -> Relay:
    clock = clock or Clock()
    return Relay(base_url=BASE_URL, latency=latency, key=key, clock=clock, sleep=clock.sleep)


async def ask(
    relay: Relay, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Answer:
    request = Request(method=method, path=path, headers=headers or JSON_HEADERS, body=body)
    response = await relay.handle(request)
    data = b"".join([chunk async for chunk in response.body])
    return Answer(response.status, dict(response.headers), data)


async def get(relay: Relay, path: str) -> Answer:
    return await ask(relay, "GET", path.removeprefix(BASE_URL).partition("?")[0])


async def post(relay: Relay, path: str, **fields: Any) -> Answer:
    return await ask(relay, "POST", path, json.dumps(fields).encode())


async def generate(relay: Relay, prompt: str = "a fox", model: str = "gpt-image-2", **fields: Any) -> Answer:
    return await post(relay, "/v1/images/generations", prompt=prompt, model=model, **fields)


async def send_form(relay: Relay, path: str, files: list[tuple[str, bytes]], **fields: str) -> Answer:
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}'.encode()
        for name, text in fields.items()
    ]
    for name, data in files:
        place = f'--edge\r\nContent-Disposition: form-data; name="{name}"; filename="a.png"'
        parts.append(f"{place}\r\nContent-Type: image/png\r\n\r\n".encode() + data)
    body = b"\r\n".join([*parts, b"--edge--\r\n"])
    return await ask(relay, "POST", path, body, {"content-type": "multipart/form-data; boundary=edge"})


def png(size: tuple[int, int] = (256, 256), colour: str | tuple[int, ...] = "navy", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, "PNG")
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture
