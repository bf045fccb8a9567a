"""A relay that answers oddly, byte by byte, and a session that buys from it."""

from __future__ import annotations

import base64
import functools
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from PIL import Image

from buying import PATH
from faultserver import FaultServer, Script, Send, json_answer, response
from now_jupyter._messages import NowImageError
from now_jupyter._runner import Runner
from now_jupyter._session import Session
from now_jupyter._transport import Downloader, RelayAccess, RelayClient
from now_jupyter._values import Generation
from relays import hand_in, new_session

__all__ = ["Odd", "b64", "completed", "drawing", "events", "frame", "odd_relay", "picture", "text_answer"]


@functools.cache
def drawing(shade: int = 0, kind: str = "PNG") -> bytes:
    """A small whole picture; another one for every shade."""
    data = io.BytesIO()
    Image.new("RGB", (8, 8), (shade % 256, 60, 77)).save(data, kind)
    return data.getvalue()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def picture(data: bytes, **headers: str) -> Script:
    """Serve a picture by its link."""
    return [Send(response(200, data, headers={"Content-Type": "image/png", **headers}))]


def text_answer(text: str, kind: str = "application/json", status: int = 200, **headers: str) -> Script:
    return [Send(response(status, text.encode(), headers={"Content-Type": kind, **headers}))]


def frame(data: object, name: str = "") -> str:
    """One server-sent event."""
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"


def completed(shade: int) -> str:
    kind = "image_generation.completed"
    return frame({"type": kind, "b64_json": b64(drawing(shade))}, kind)


def events(*frames: str) -> Script:
    return text_answer("".join(frames), "text/event-stream")


@dataclass
class Odd:
    """A relay on loopback whose every answer the test writes, and a session in front of it; nothing waits."""

    server: FaultServer
    session: Session
    folder: Path
    pauses: list[float] = field(default_factory=list)

    def says(self, answer: object, *, status: int = 200, **headers: str) -> None:
        """Answer the next orders so: a script, or JSON."""
        self.server.forget()
        is_script = isinstance(answer, list) and answer and isinstance(answer[0], Send)
        script: Any = answer if is_script else [Send(json_answer(answer, status=status, headers=headers))]
        self.server.script(script, path=PATH)

    def serves(self, files: Mapping[str, Any]) -> None:
        """Serve pictures and scripts at these paths."""
        for path, one in files.items():
            scripts = one if isinstance(one, tuple) else (picture(one) if isinstance(one, bytes) else one,)
            self.server.script(*scripts, path=path)

    def buys(self, **options: Any) -> Generation:
        return self.session.generate("a fox", **{"model": "gpt-image-2", "reuse": False, **options})

    def fails(self, **options: Any) -> NowImageError:
        try:
            made = self.buys(**options)
        except NowImageError as error:
            return error
        raise AssertionError(f"{made!r} came instead of an error")

    def digests(self, **options: Any) -> list[bytes]:
        """Buy, and return the bytes of what came, in order."""
        return [one.bytes() for one in self.buys(**options).pictures]

    @property
    def last(self) -> Generation:
        return self.session.history[-1]

    @property
    def answers(self) -> list[bytes]:
        """What is kept of the relay's answers."""
        folder = self.session.context.home().store.folder / "answers"
        return (
            [path.read_bytes() for path in sorted(folder.iterdir(), key=lambda one: int(one.stem))]
            if folder.is_dir()
            else []
        )


@contextmanager
def odd_relay(folder: Path, **given: Any) -> Iterator[Odd]:
    """Set up a relay and a session whose pauses are written down instead of waited for."""
    with FaultServer() as server, new_session(folder, server.url, **given) as session:
        odd = Odd(server, session, folder)
        _hurry(odd)
        yield odd


def _hurry(odd: Odd) -> None:
    async def written_down(seconds: float) -> None:
        odd.pauses.append(seconds)
        await anyio.lowlevel.checkpoint()

    context = odd.session.context
    settings, quick = context.settings(), {"sleep": written_down, "jitter": lambda: 0.0}
    client = RelayClient(base_url=settings.base_url, key=context.key(), **quick)
    access = RelayAccess(client=client, downloader=Downloader(origin=client.origin, **quick))
    hand_in(odd.session, access)
    store = context.home().store
    odd.session._runners[access, store] = Runner(
        client=client, downloader=access.downloader, store=store, sleep=written_down
    )
