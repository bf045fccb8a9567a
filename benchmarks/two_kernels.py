"""Two kernels that order into one history at once, against one kernel that orders as many."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

from harness import Row, in_turn
from stage import Stage

__all__ = ["rows"]


def rows(stage: Stage) -> Iterator[Row]:
    """Measure with the server's latency off, so that nothing hides what the kernels do to each other."""
    half = stage.few(50, 3)
    stage.relay.set()
    both, alone = in_turn(
        [lambda _: _seconds(stage, [half, half]), lambda _: _seconds(stage, [2 * half])], stage.rounds(5)
    )
    yield Row(
        work=f"two kernels ordering {half} each on one history",
        unit="s",
        ours=both,
        peer=f"one ordering {2 * half}",
        theirs=alone,
        goal=1.5,
        of="ratio",
    )


def _seconds(stage: Stage, counts: list[int]) -> float:
    """Have a kernel for each count order so many, all at once, and give how long it takes until all are through."""
    with ExitStack() as stack:
        folder = stack.enter_context(stage.new_folder())
        kernels = [stack.enter_context(stage.kernel(folder=folder)) for _ in counts]
        for place, kernel in enumerate(kernels):
            kernel.do(f"%load_ext now_jupyter\nimport cells\nawait cells.order_with_now(1, begin=-1 - {place})")
        began = time.perf_counter()
        started = [
            kernel.start(f"await cells.order_with_now({count}, begin={1000 * place})")
            for place, (kernel, count) in enumerate(zip(kernels, counts, strict=True))
        ]
        for one in started:
            one.wait(600)
        seconds = time.perf_counter() - began
        stage.check_saved(folder / "bench.now" / "pictures", sum(counts) + len(kernels))
        return seconds
