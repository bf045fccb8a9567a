"""A runner with its store and relay, and ways to set it to work."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from demo_calls import BASE_URL, Clock, new_relay, png
from faultserver import FaultServer, Send, json_answer, response
from now_jupyter._protocol import Ask, Listed, Plan, Service
from now_jupyter._runner import Runner, RunResult
from now_jupyter._services import service_named
from now_jupyter._store import Record, Store
from now_jupyter._transport import Downloader, RelayClient
from now_jupyter._values import Request
from now_jupyter.demo import Relay
from relays import Watching
from task_service import TaskService

IMAGES = service_named("openai-images")
TASKS = TaskService()
MODEL = "gpt-image-2"


class YieldingClock(Clock):
    """A clock whose sleepers let the others go on."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()


@dataclass
class Workshop:
    """A runner over a real store and a relay, with time that passes only when somebody sleeps."""

    store: Store
    runner: Runner
    clock: YieldingClock

    def claimed(self, prompt: str = "a fox", *, service: Service = IMAGES, **options: Any) -> Record:
        """Claim the record of an order; the demo's wishes are a field of the body, all else is an option."""
        raw = {"demo": options.pop("demo")} if "demo" in options else {}
        return self.claimed_as(Request(prompt=prompt, params=options, raw=raw), service)

    def claimed_as(self, request: Request, service: Service) -> Record:
        identity, plan = uuid.uuid4().hex, plan_of(request, service)
        record = Record(
            id=identity,
            request=request,
            created=1.0,
            service=service.name,
            model=MODEL,
            share=request.count,
            memo=plan.memo,
            expected=plan.expected,
            idempotency_key=identity,
        )
        return self.store.claim(record)

    def record(self, number: int = 1) -> Record:
        return self.store.read(number)

    @property
    def pictures(self) -> list[Path]:
        return sorted(self.store.pictures.glob("*"))

    async def aclose(self) -> None:
        await self.runner.client.aclose()
        await self.runner.downloader.aclose()


def workshop(folder: Path, *, relay: Relay | None = None, url: str = BASE_URL) -> Workshop:
    clock = YieldingClock()
    runner = Runner(
        client=RelayClient(base_url=url, relay=relay, sleep=clock.sleep),
        downloader=Downloader(origin=url, relay=relay, sleep=clock.sleep),
        store=Store(folder / "fox.now"),
        clock=clock,
        stopwatch=clock,
        sleep=clock.sleep,
    )
    return Workshop(runner.store, runner, clock)


def plan_of(request: Request, service: Service) -> Plan:
    """The one paid call of a request."""
    offer = service.offer(Listed(name=MODEL))
    assert offer is not None
    return service.plan(Ask(request=request, offer=offer, n=request.count))


async def run_once(shop: Workshop, record: Record, service: Service = IMAGES, watch: Any = None) -> RunResult:
    """Send the plan of a record and read its answer, on the loop of whoever calls."""
    return await shop.runner.run(record, plan_of(record.request, service), service, watch or Watching())


def perform(shop: Workshop, record: Record, *, service: Service = IMAGES, watch: Watching | None = None) -> RunResult:
    async def run() -> RunResult:
        try:
            return await run_once(shop, record, service, watch)
        finally:
            await shop.aclose()

    return anyio.run(run)


def resume(shop: Workshop, number: int = 1, *, service: Service = IMAGES) -> RunResult:
    async def run() -> RunResult:
        try:
            return await shop.runner.resume(shop.record(number), service, Watching())
        finally:
            await shop.aclose()

    return anyio.run(run)


def item(data: bytes) -> dict[str, str]:
    return {"b64_json": base64.b64encode(data).decode()}


def task_shop(folder: Path, *, life: float = 10.0) -> Workshop:
    shop = workshop(folder, relay=new_relay())
    relay = Relay(base_url=BASE_URL, latency=life / 20, clock=shop.clock, sleep=shop.clock.sleep)
    shop.runner.client = RelayClient(base_url=BASE_URL, relay=relay, sleep=shop.clock.sleep)
    shop.runner.downloader = Downloader(origin=BASE_URL, relay=relay, sleep=shop.clock.sleep)
    return shop


def finished(server: FaultServer) -> list[Send]:
    server.script([Send(response(200, png(), headers={"Content-Type": "image/png"}))], path="/p.png")
    return [Send(json_answer([{"id": "7", "status": "SUCCESS", "imageUrl": f"{server.url}/p.png", "buttons": []}]))]
