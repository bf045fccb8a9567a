"""Many orders at once: how near to the ideal, how much memory, and whether the kernel stays alive meanwhile."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Sequence

from harness import Row
from stage import Stage, Told

__all__ = ["rows"]

LATENCY = 0.5
_SDK, _EXPERT = "order_with_sdk", "order_expertly"
PEERS = {_SDK: "AsyncOpenAI + gather", "order_in_threads": "httpx in threads", _EXPERT: "expert httpx"}
ROUNDS = 3


def rows(stage: Stage) -> Iterator[Row]:
    """Measure 200 orders at 16, 32 and 64 in flight, then 2,000 at 32."""
    for in_flight in (16,) if stage.is_tiny else (16, 32, 64):
        yield from _of_two_hundred(stage, in_flight)
    yield from _of_thousands(stage)


def _of_two_hundred(stage: Stage, in_flight: int) -> Iterator[Row]:
    count = stage.few(200, 4)
    ours: list[Told] = []
    peers: dict[str, list[Told]] = {name: [] for name in (PEERS if stage.has("by-hand") else ())}
    for _ in range(stage.rounds(ROUNDS)):
        ours.append(_ours(stage, count, in_flight))
        for name, told in peers.items():
            told.append(_peer(stage, name, count, in_flight))
    latency = math.ceil(count / in_flight) * LATENCY
    expert, sdk = peers.get(_EXPERT, []), peers.get(_SDK, [])
    work = f"{count} orders at 500 ms, {in_flight} in flight"
    yield Row(
        work=f"{work}, everything saved",
        unit="s",
        ours=_of("seconds", ours),
        peer="ideal",
        theirs=[max(latency, one) for one in _of("seconds", expert) or [latency] * len(ours)],
        goal=1.2,
        of="ratio",
        note=f"by latency alone {latency:g} s; processor {_median('busy', ours):.1f} s"
        + "".join(
            f"; {PEERS[name]} {_median('seconds', told):.1f} s, processor {_median('busy', told):.1f} s"
            for name, told in peers.items()
        ),
    )
    yield Row(
        work=f"{work}: memory over idle",
        unit="MB",
        ours=_of("grown", ours),
        peer=PEERS[_SDK],
        theirs=_of("grown", sdk),
        goal=80,
        note="; ".join(f"{PEERS[name]} {_median('grown', told):.0f} MB" for name, told in peers.items()),
    )
    yield Row(work=f"{work}: POSTs per order", unit="", ours=_of("posts", ours), goal=1, is_counted=True)


def _of_thousands(stage: Stage) -> Iterator[Row]:
    count, in_flight = stage.few(2000, 8), 32
    ours = [_ours(stage, count, in_flight)]
    peer = [_peer(stage, _SDK, count, in_flight)] if stage.has("by-hand") else []
    work = f"{count:,} orders at {in_flight} in flight"
    ideal = math.ceil(count / in_flight) * LATENCY
    yield Row(
        work=f"{work}: memory over idle",
        unit="MB",
        ours=_of("grown", ours),
        peer=PEERS[_SDK],
        theirs=_of("grown", peer),
        goal=60,
        note=f"{_median('seconds', ours):.1f} s; by latency alone {ideal:g} s",
    )
    yield Row(
        work=f"{work}: a ticking task is late by at most",
        unit="ms",
        ours=_of("late", ours),
        peer=PEERS[_SDK],
        theirs=_of("late", peer),
        goal=100,
    )


def _of(name: str, told: Sequence[Told]) -> list[float]:
    return [one[name] for one in told]


def _median(name: str, told: Sequence[Told]) -> float:
    return statistics.median(_of(name, told))


def _ours(stage: Stage, count: int, in_flight: int) -> Told:
    """Order in a fresh kernel, see that all is saved, and tell the most POSTs that an order had beside the rest."""
    with stage.new_folder() as folder, stage.kernel(folder=folder) as kernel:
        kernel.do(f"%load_ext now_jupyter\n%config Now.max_concurrency = {in_flight}\nimport cells")
        kernel.do("await cells.order_with_now(1, begin=-1)")  # what is loaded by the first is no growth
        stage.relay.set(latency=LATENCY)
        told = kernel.measure(f"await cells.measured(cells.order_with_now({count}))")
        taken = stage.relay.taken()
        stage.check_saved(folder / "bench.now" / "pictures", count + 1)
        if taken.posts != count:
            raise RuntimeError(f"{count} orders were sent {taken.posts} times")
        return told | {"posts": taken.most_equal}


def _peer(stage: Stage, name: str, count: int, in_flight: int) -> Told:
    with stage.new_folder() as folder, stage.kernel("by-hand", folder=folder) as kernel:
        given = f"{json.dumps(stage.relay.base_url)}, {json.dumps(str(folder))}"
        stage.relay.set()
        kernel.do(f"import cells\nawait cells.{name}({given}, 1, 1)")
        stage.relay.set(latency=LATENCY)
        told = kernel.measure(f"await cells.measured(cells.{name}({given}, {count}, {in_flight}))")
        stage.check_saved(folder, count)
        return told
