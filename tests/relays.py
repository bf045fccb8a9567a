"""The demo relay on loopback, in this process, and sessions that use it or the one in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.from_thread import start_blocking_portal

from now_jupyter._runner import ProgressReport
from now_jupyter._session import Session
from now_jupyter._settings._logins import Logins
from now_jupyter._transport import RelayAccess, RelayClient
from now_jupyter.demo import Relay, Request, Response
from now_jupyter.demo._serve import listening

__all__ = ["Served", "Watching", "ask_relay", "hand_in", "new_session", "relay_on_loopback"]

Look = Callable[[Request], None]


class _Watched(Relay):
    """Lets a test look at every request before it is answered."""

    look: Look | None = None
    requests: list[Request]

    async def handle(self, request: Request) -> Response:
        self.requests.append(request)
        if self.look is not None:
            self.look(request)
        return await super().handle(request)


@dataclass(frozen=True)
class Served:
    """A relay that is served: its address, and the relay itself with its ledger."""

    url: str
    relay: _Watched

    @property
    def posts(self) -> int:
        """Paid POSTs so far."""
        return len(self.relay.ledger)

    def count(self, path: str) -> int:
        return sum(one.path == path for one in self.relay.requests)


@asynccontextmanager
async def _serving(latency: float, key: str | None) -> AsyncIterator[Served]:
    async with listening(0) as door:
        door.relay = relay = _Watched(base_url=door.address, latency=latency, key=key)
        relay.requests = []
        yield Served(door.address, relay)


@contextmanager
def relay_on_loopback(*, latency: float = 0.0, key: str | None = None) -> Iterator[Served]:
    """Serve a relay on a loop of its own for the length of the block."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(_serving(latency, key)) as served:
        yield served


@contextmanager
def new_session(folder: Path, url: str = "", **given: Any) -> Iterator[Session]:
    """Open a session that knows nothing of its user, working in `folder`; without `url` the demo answers at once."""
    given = {"environ": {}, "working": folder, "logins": Logins(folder / "logins.json"), **given}
    session = Session(base_url=url, **given)
    if not url:
        session.use_demo(on=None, instant=True)
    try:
        yield session
    finally:
        session.close()


def hand_in(session: Session, access: RelayAccess) -> None:
    """Have a session order through this access in place of the one that it opened."""
    context = session.context
    usual = context.snapshot().access
    mark = next(mark for mark, one in context._open.items() if one is usual)
    context._open[mark], context._open[usual] = access, usual  # it is closed at the end


def ask_relay(url: str, question: Any) -> Any:
    """Return what a relay answers to a question of `RelayClient`; no pause is waited for."""

    async def ask() -> Any:
        async def at_once(_seconds: float) -> None:
            await anyio.lowlevel.checkpoint()

        api = RelayClient(base_url=url, sleep=at_once)
        try:
            return await question(api)
        finally:
            await api.aclose()

    return anyio.run(ask)


@dataclass
class Watching:
    """Someone who looks on while a record is performed."""

    records: list[Any] = field(default_factory=list)
    progress: list[ProgressReport] = field(default_factory=list)
    at_change: Callable[[Any], None] = lambda _: None

    def changed(self, record: Any) -> None:
        self.records.append(record)
        self.at_change(record)

    def progressed(self, progress: ProgressReport) -> None:
        self.progress.append(progress)
