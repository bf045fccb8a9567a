"""How cost grows with the number of pictures, and how far from what wire, decoding and disk allow.

The limits are taken one after the other in the same kernel, for the very same pictures: to receive an answer over one
kept connection, to decode base64 and pixels, and to write a file so that it survives a loss of power.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pictures import SMALL
from relay import Relay
from stage import Stage

__all__ = ["HEAD", "lines"]

HEAD = (
    *("pictures", "ms each", "processor", "wire", "decode", "fsync", "× their sum"),
    *("MB over idle", "disk ÷ originals", "notebook MB", "full embedding MB"),
)
_SIZES = (1, 10, 100, 1_000, 10_000)
_IN_FLIGHT = 32
_SAMPLE = 50
_LONGEST = 900.0  # seconds; a size that would take longer at the pace of the one before is left out


def lines(stage: Stage) -> Iterator[list[str]]:
    """Order ever more small pictures at 32 in flight, the server's latency off."""
    with Relay(SMALL) as relay:
        pace = 0.0
        for count in (1, 4) if stage.is_tiny else _SIZES:
            if pace * count > _LONGEST:
                why = f"left out: {pace * count / 60:.0f} min at the pace before"
                yield [f"{count:,}", why, *[""] * (len(HEAD) - 2)]
                return
            line = _line(stage, relay, count)
            pace = float(line[1]) / 1000
            yield line


def _line(stage: Stage, relay: Relay, count: int) -> list[str]:
    with stage.new_folder() as folder, stage.kernel(folder=folder, relay=relay) as kernel:
        relay.set()
        history = folder / "bench.now"
        kernel.do(f"%load_ext now_jupyter\n%config Now.max_concurrency = {_IN_FLIGHT}\nimport cells")
        kernel.do("await cells.order_with_now(1, begin=-1)")
        told = kernel.measure(f"await cells.measured(cells.order_with_now({count}))")
        stage.check_saved(history / "pictures", count + 1)
        taken = f"{json.dumps(relay.base_url)}, {json.dumps(str(folder))}, {min(count, _SAMPLE)}"
        limits = kernel.measure(f"cells.limits({taken})")
        shown = kernel.measure(f"cells.shown({min(count, _SAMPLE)})")["bytes"]
        originals, disk = _bytes_below(history / "pictures"), _bytes_below(history)
    each, limit = 1000 * told["seconds"] / count, sum(limits.values())
    return [
        f"{count:,}",
        f"{each:.1f}",
        f"{1000 * told['busy'] / count:.1f}",
        *(f"{limits[name]:.1f}" for name in ("wire", "decode", "fsync")),
        f"{each / limit:.1f}",
        f"{told['grown']:.0f}",
        f"{disk / originals:.3f}",
        f"{shown * count / 1e6:.2f}",
        f"{originals / (count + 1) * count * 4 / 3 / 1e6:.1f}",
    ]


def _bytes_below(folder: Path) -> int:
    """Give what the files below a folder take on the disk."""
    return sum(512 * one.stat().st_blocks for one in folder.rglob("*") if one.is_file())
