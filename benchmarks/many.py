"""Many orders at once: how near to the ideal, how much memory, and whether the kernel stays alive meanwhile."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field

from harness import Row
from stage import Stage

__all__ = ["rows"]

LATENCY = 0.5
PEERS = {
    "order_with_sdk": "AsyncOpenAI + gather",
    "order_in_threads": "httpx in threads",
    "order_expertly": "expert httpx",
}
ROUNDS = 3


@dataclass
class _Measured:
    """What one way of ordering took, round by round: seconds, MB over idle, the latest tick in ms."""

    seconds: list[float] = field(default_factory=list)
    grown: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)

    def add(self, told: dict[str, float]) -> None:
        self.seconds.append(told["seconds"])
        self.grown.append(told["grown"])
        self.late.append(told["late"])


def rows(stage: Stage) -> Iterator[Row]:
    """Measure 200 orders at 16, 32 and 64 in flight, then 2,000 at 32."""
    for in_flight in (16,) if stage.is_tiny else (16, 32, 64):
        yield from _of_two_hundred(stage, in_flight)
    yield from _of_thousands(stage)


def _of_two_hundred(stage: Stage, in_flight: int) -> Iterator[Row]:
    count = stage.few(200, 4)
    ours, peers, posts = _Measured(), {name: _Measured() for name in PEERS}, 0
    for _ in range(stage.rounds(ROUNDS)):
        posts = max(posts, _ours(stage, count, in_flight, ours))
        if stage.has("by-hand"):
            for name, measured in peers.items():
                _peer(stage, name, count, in_flight, measured)
    expert = peers["order_expertly"].seconds
    latency = math.ceil(count / in_flight) * LATENCY
    ideal = [max(latency, one) for one in expert or [latency] * len(ours.seconds)]
    work = f"{count} orders at 500 ms, {in_flight} in flight"
    others = "; ".join(
        f"{PEERS[name]} {statistics.median(one.seconds):.1f} s" for name, one in peers.items() if one.seconds
    )
    yield Row(
        work=f"{work}, everything saved",
        unit="s",
        ours=ours.seconds,
        peer="ideal",
        theirs=ideal,
        goal=1.2,
        of="ratio",
        note=f"by latency alone {latency:g} s; {others or 'no peer here'}",
    )
    yield Row(
        work=f"{work}: memory over idle",
        unit="MB",
        ours=ours.grown,
        peer=PEERS["order_with_sdk"],
        theirs=peers["order_with_sdk"].grown,
        goal=80,
        note="; ".join(
            f"{PEERS[name]} {statistics.median(one.grown):.0f} MB" for name, one in peers.items() if one.grown
        ),
    )
    yield Row(work=f"{work}: POSTs per order", unit="", ours=[posts], goal=1, is_counted=True)


def _of_thousands(stage: Stage) -> Iterator[Row]:
    count, in_flight = stage.few(2000, 8), 32
    ours, peer = _Measured(), _Measured()
    _ours(stage, count, in_flight, ours)
    if stage.has("by-hand"):
        _peer(stage, "order_with_sdk", count, in_flight, peer)
    work, name = f"{count:,} orders at {in_flight} in flight", PEERS["order_with_sdk"]
    ideal = math.ceil(count / in_flight) * LATENCY
    yield Row(
        work=f"{work}: memory over idle",
        unit="MB",
        ours=ours.grown,
        peer=name,
        theirs=peer.grown,
        goal=60,
        note=f"{ours.seconds[0]:.1f} s; by latency alone {ideal:g} s",
    )
    yield Row(
        work=f"{work}: a ticking task is late by at most",
        unit="ms",
        ours=ours.late,
        peer=name,
        theirs=peer.late,
        goal=100,
    )


def _ours(stage: Stage, count: int, in_flight: int, measured: _Measured) -> int:
    """Order in a fresh kernel, see that all is saved, and give the most POSTs that an order had."""
    with stage.new_folder() as folder, stage.kernel(folder=folder) as kernel:
        kernel.do(f"%load_ext now_jupyter\n%config Now.max_concurrency = {in_flight}\nimport cells")
        kernel.do("await cells.order_with_now(1, begin=-1)")  # what is loaded by the first is no growth
        stage.relay.set(latency=LATENCY)
        measured.add(kernel.measure(f"await cells.measured(cells.order_with_now({count}))"))
        taken = stage.relay.taken()
        stage.check_saved(folder / "bench.now" / "pictures", count + 1)
        if taken.posts != count:
            raise RuntimeError(f"{count} orders were sent {taken.posts} times")
        return taken.most_equal


def _peer(stage: Stage, name: str, count: int, in_flight: int, measured: _Measured) -> None:
    with stage.new_folder() as folder, stage.kernel("by-hand", folder=folder) as kernel:
        given = f"{json.dumps(stage.relay.base_url)}, {json.dumps(str(folder))}"
        stage.relay.set()
        kernel.do(f"import cells\nawait cells.{name}({given}, 1, 1)")
        stage.relay.set(latency=LATENCY)
        measured.add(kernel.measure(f"await cells.measured(cells.{name}({given}, {count}, {in_flight}))"))
        stage.check_saved(folder, count)
