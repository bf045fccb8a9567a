"""What the network faults are tried on: a whole session, a relay that misbehaves, and a ledger of what was billed.

All parts are the real ones. Time is handed in where the parts take it: pauses are written down instead of waited
for, and deadlines are as short as the test says.
"""

from __future__ import annotations

import base64
import functools
import io
import itertools
import secrets
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from PIL import Image

from checker import Job, Ledger, Verdict, checked, jobs_in
from faultserver import FaultServer, Script, Send, json_answer, response
from now_jupyter._messages._errors import NowImageError
from now_jupyter._runner import Runner
from now_jupyter._session import Session
from now_jupyter._transport import Downloader, RelayAccess, RelayClient
from now_jupyter._values import Generation
from relays import hand_in

__all__ = [
    "PATH",
    "Stand",
    "b64_answer",
    "is_short",
    "item",
    "new_key",
    "on_stand",
    "png",
    "sells",
    "url_answer",
    "web_page",
]

PATH = "/v1/images/generations"
_COUNT = itertools.count(1)


def new_key() -> str:
    """A key that looks like one and is written down nowhere."""
    return "sk-" + secrets.token_hex(24)


@functools.cache
def png(shade: int = 0, side: int = 8) -> bytes:
    """A small whole picture; another one for every shade."""
    data = io.BytesIO()
    Image.new("RGB", (side, side), (shade % 256, shade // 256 % 256, 77)).save(data, "PNG")
    return data.getvalue()


def is_short(error: NowImageError) -> None:
    """Hold that a message is short and drags nothing along."""
    assert len(error.lines()) <= 6
    assert max(map(len, error.lines())) < 1000
    assert error.__cause__ is None
    assert error.__context__ is None


def item(data: bytes) -> dict[str, Any]:
    return {"b64_json": base64.b64encode(data).decode("ascii")}


def b64_answer(*pictures: bytes, **more: Any) -> bytes:
    """A whole answer that brings the pictures along."""
    return json_answer({"created": 1, "data": [item(one) for one in pictures], **more})


def url_answer(*links: str) -> bytes:
    """A whole answer with links."""
    return json_answer({"created": 1, "data": [{"url": link} for link in links]})


def sells(ledger: Ledger, *pictures: bytes) -> Script:
    """Sell these pictures, as base64."""
    return ledger.sells([Send(b64_answer(*pictures))], pictures=pictures)


@dataclass
class Stand:
    """A session in front of a fault server."""

    server: FaultServer
    session: Session
    folder: Path
    key: str = field(repr=False)
    ledger: Ledger = field(default_factory=Ledger)
    pauses: list[float] = field(default_factory=list)

    def serve(self, *scripts: Script, links: Mapping[str, Script] | None = None) -> None:
        """Answer the next orders so, and forget what was counted; `links` are answers for other paths."""
        self.server.forget()
        self.server.script(*scripts, path=PATH)
        for path, script in (links or {}).items():
            self.server.script(script, path=path)

    def serve_link(self, path: str, *scripts: Script) -> None:
        self.server._scripts[path] = deque(scripts)

    def buy(self, prompt: str = "", **options: Any) -> Generation | NowImageError:
        """Order, and give what came of it; every order is another one unless `prompt` says so."""
        prompt = prompt or f"a red fox {next(_COUNT)}"
        options = {"model": "gpt-image-2", **options}
        try:
            return self.session.generate(prompt, **options)
        except NowImageError as error:
            return error

    def refused(self, prompt: str = "", **options: Any) -> NowImageError:
        """Order what must fail, and give why."""
        error = self.buy(prompt, **options)
        assert isinstance(error, NowImageError), f"{error!r} came instead of an error"
        return error

    def bought(self, prompt: str = "", **options: Any) -> Generation:
        """Order what must go well."""
        generation = self.buy(prompt, **options)
        assert isinstance(generation, Generation), str(generation)
        return generation

    def link(self, path: str) -> str:
        return f"{self.server.url}{path}"

    @property
    def posts(self) -> int:
        return self.server.posts

    @property
    def jobs(self) -> list[Job]:
        return jobs_in(self.folder)

    @property
    def last(self) -> Job:
        return max(self.jobs, key=lambda job: job.number)

    def verdict(self) -> Verdict:
        """Compare the ledger with the disk, and the disk with what the history shows."""
        verdict = checked(self.ledger, self.folder)
        shown = {generation.ref: generation for generation in self.session.history}
        for job in verdict.jobs:
            assert shown[f"#{job.number}"].billed == job.billed
            assert [one.sha256 for one in shown[f"#{job.number}"].outputs] == job.digests
        return verdict


@contextmanager
def on_stand(
    folder: Path,
    *,
    server: FaultServer | None = None,
    base_url: str = "",
    deadline: float = 30.0,
    connecting: float = 10.0,
    fetching: float = 30.0,
    cap: int | None = None,
    hosts: Sequence[str] = (),
    sockets: Any = None,
    resolver: Any = None,
    stopwatch: Any = None,
    task_limit: float = 1800.0,
    **session_options: Any,
) -> Iterator[Stand]:
    """Set up a session in front of a fault server (a new one where none is given) and take it down again."""
    with _server(server) as running:
        key = new_key()
        session = Session(
            folder=folder,
            base_url=base_url or running.url,
            api_key=key,
            environ={},
            working=folder.parent,
            **session_options,
        )
        stand = Stand(server=running, session=session, folder=folder, key=key)
        times = {"deadline": deadline, "connecting": connecting, "fetching": fetching}
        access = _connect(stand, **times, cap=cap, hosts=hosts, sockets=sockets, resolver=resolver)
        _put_in(session, access, stand, stopwatch=stopwatch, task_limit=task_limit)
        try:
            yield stand
        finally:
            session.close()


@contextmanager
def _server(given: FaultServer | None) -> Iterator[FaultServer]:
    if given is not None:
        yield given
        return
    with FaultServer() as new:
        yield new


def _connect(
    stand: Stand,
    *,
    deadline: float,
    connecting: float,
    fetching: float,
    cap: int | None,
    hosts: Sequence[str],
    **network: Any,
) -> RelayAccess:
    async def written_down(seconds: float) -> None:
        stand.pauses.append(seconds)
        await anyio.lowlevel.checkpoint()

    context = stand.session.context
    base = context.settings().base_url
    client = RelayClient(
        base_url=base,
        key=context.key(),
        deadline=deadline,
        connecting=connecting,
        sleep=written_down,
        jitter=lambda: 0.0,
    )
    capped = {} if cap is None else {"cap": cap}
    downloader = Downloader(
        origin=client.origin,
        allowed_hosts=hosts,
        deadline=fetching,
        sleep=written_down,
        jitter=lambda: 0.0,
        **capped,
        **{name: value for name, value in network.items() if value is not None},
    )
    return RelayAccess(client=client, downloader=downloader)


def _put_in(session: Session, access: RelayAccess, stand: Stand, *, stopwatch: Any, task_limit: float) -> None:
    """Hand in the access whose times are the test's, where the session keeps the one it uses."""
    context = session.context
    hand_in(session, access)
    home = context.home()

    async def written_down(seconds: float) -> None:
        stand.pauses.append(seconds)
        await anyio.lowlevel.checkpoint()

    times = {} if stopwatch is None else {"stopwatch": lambda: stopwatch(stand)}
    session._runners[access, home.store] = Runner(
        client=access.client,
        downloader=access.downloader,
        store=home.store,
        sleep=written_down,
        task_limit=task_limit,
        **times,
    )


def web_page(status: int = 200) -> bytes:
    return response(
        status, b"<!doctype html><html><script>alert(1)</script></html>", headers={"Content-Type": "text/html"}
    )
