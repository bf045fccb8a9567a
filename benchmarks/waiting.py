"""How soon a cell is free again when somebody no longer wants to wait, against what others need."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

from harness import Row, in_turn, ms
from stage import Cell, Stage

__all__ = ["rows"]

_LATENCY = 6.0  # seconds; who is freed only by the answer shows it
_NOW = "%nowimage -m gpt-image-2 a red fox in snow {number}"
_PEERS = {
    "OpenAI SDK": 'client.images.generate(model="gpt-image-2", prompt="a red fox")',
    "AsyncOpenAI, awaited": 'await other.images.generate(model="gpt-image-2", prompt="a red fox")',
    "SDK in a pool of threads": """with ThreadPoolExecutor() as pool:
    futures = [pool.submit(client.images.generate, model="gpt-image-2", prompt="a red fox")]
print(futures)""",
}
SET_UP = """from concurrent.futures import ThreadPoolExecutor
from openai import AsyncOpenAI, OpenAI
given = {{"base_url": {base_url!r}, "api_key": "-", "max_retries": 0}}
client, other = OpenAI(**given), AsyncOpenAI(**given)"""


def rows(stage: Stage) -> Iterator[Row]:
    """Press ■, then the button; what was ordered must arrive all the same."""
    stage.relay.set()
    with stage.new_folder() as folder, stage.kernel(folder=folder) as kernel:
        kernel.do("%load_ext now_jupyter\n%nowimage -m gpt-image-2 to begin with")
        stage.relay.set(latency=stage.few(_LATENCY, 4))
        ways: list[Callable[[Cell], None]] = [Cell.interrupt, lambda one: one.click("Stop waiting")]
        works = [
            lambda number, place=place, way=way: _freed(stage, kernel, _NOW.format(number=f"{number} {place}"), way)
            for place, way in enumerate(ways)
        ]
        interrupted, left = in_turn(works, stage.rounds(5))
        kernel.do("import now_jupyter as nj\nnj.wait()")
        stage.check_saved(folder / "bench.now" / "pictures", 1 + len(interrupted) + len(left))
    peers = dict(_of_peers(stage)) if stage.has("by-hand") else {}
    slowest = max(peers, key=lambda name: min(peers[name]), default="")
    yield Row(
        work="■ (interrupt): the cell is free, the picture arrives",
        unit="ms",
        ours=ms(interrupted),
        peer=slowest,
        theirs=ms(peers.get(slowest, ())),
        goal=150,
        note="; ".join(f"{name} {1000 * statistics.median(one):,.0f} ms" for name, one in peers.items()),
    )
    yield Row(work="Stop waiting: the cell is free, the picture arrives", unit="ms", ours=ms(left), goal=150)


def _of_peers(stage: Stage) -> Iterator[tuple[str, list[float]]]:
    with stage.kernel("by-hand") as kernel:
        kernel.do(SET_UP.format(base_url=stage.relay.base_url))
        for name, code in _PEERS.items():
            yield name, [_freed(stage, kernel, code, Cell.interrupt) for _ in range(stage.rounds(3))]


def _freed(stage: Stage, kernel: Cell, code: str, way: Callable[[Cell], None]) -> float:
    """Start a cell, leave it once its order is at the relay, and give the seconds until the cell is free."""
    before = stage.relay.taken().posts
    ran = kernel.start(code)
    kernel.until(lambda: stage.relay.taken().posts > before, 30, "an order at the relay")
    if way is not Cell.interrupt:
        kernel.widget(30, description="Stop waiting")
    began = time.perf_counter()
    way(kernel)
    ran.wait(30)
    return time.perf_counter() - began
