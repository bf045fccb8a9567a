"""Measure what is claimed to be fast, side by side with its peers in one run; print a table and write RESULTS.md.

    make bench                      all of it; half an hour on a quiet machine
    make bench BENCH="many startup" some groups, which are printed only
    python benchmarks/bench.py --rounds 1 many
    python benchmarks/bench.py --tiny      each benchmark once, in a tiny form without peers: does it still work?
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from harness import Noise, Row  # noqa: E402 - found by the line above
from stage import HERE, Stage  # noqa: E402 - as above

GROUPS = (
    *("startup", "one_picture", "many", "long_history", "two_kernels"),
    *("notebook", "waiting", "panel", "install"),
)
RESULTS = HERE / "RESULTS.md"
_HEAD = ("work", "goal", "now_jupyter", "peer", "ratio", "verdict", "note")
_OURS = ("now_jupyter", "httpx", "ipykernel", "ipython", "ipywidgets", "msgspec", "pillow")


def main() -> int:
    """Run the groups that are asked for; give 1 if one of them failed."""
    asked = _arguments()
    names = asked.groups or GROUPS
    measured: dict[str, list[Row]] = {}
    machine = _machine()
    with Stage.set_up(is_tiny=asked.tiny, rounds=asked.rounds) as stage:
        for name in names:
            try:
                measured[name] = _run(name, stage)
            except Exception:  # noqa: BLE001 - the other groups still have something to tell
                traceback.print_exc()
    if tuple(measured) == GROUPS and not asked.tiny:
        RESULTS.write_text(_markdown(measured, machine), encoding="utf-8")
        print(f"\nwritten: {RESULTS.relative_to(HERE.parent)}")
    return len(measured) < len(names)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"some of: {' '.join(GROUPS)}")
    parser.add_argument("--tiny", action="store_true", help="each benchmark once, with few orders and no peers")
    parser.add_argument("--rounds", type=int, help="rounds of each measurement, instead of its own number")
    asked = parser.parse_args()
    if unknown := set(asked.groups) - set(GROUPS):
        parser.error(f"no such group: {' '.join(sorted(unknown))}; there are: {' '.join(GROUPS)}")
    return asked


def _run(name: str, stage: Stage) -> list[Row]:
    """Measure one group; the noise of the machine is taken between any two rows."""
    print(f"\n{name}", flush=True)
    rows: list[Row] = []
    before = Noise.now()
    for row in importlib.import_module(name).rows(stage):
        after = Noise.now()
        noise = max(before, after, key=lambda one: one.spread)
        rows.append(replace(row, noise=noise))
        _print(rows[-1])
        before = after
    return rows


def _print(row: Row) -> None:
    work, goal, ours, peer, ratio, verdict, note = row.cells()
    line = f"  {work:<66} {ours:>12}"
    line += f"   {ratio} × {peer}" if ratio else f"   {peer}".rstrip()
    line += f"   {goal}: {verdict}" if verdict else ""
    print(line + (f"\n      {note}" if note else ""), flush=True)


def _markdown(measured: dict[str, list[Row]], machine: Sequence[str]) -> str:
    rows = [row for group in measured.values() for row in group]
    noisy = sum(not row.noise.is_quiet for row in rows)
    lines = ["# What `make bench` measured", "", *(f"* {one}" for one in machine)]
    if noisy:
        lines.append(f"* Something else kept this machine busy during {noisy} of {len(rows)} rows.")
    return "\n".join([*lines, "", *_table(_HEAD, [row.cells() for row in rows]), ""])


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for line in lines:
        yield f"| {' | '.join(line)} |"


def _machine() -> list[str]:
    """Tell what the figures depend on, without a name that says whose machine it is."""
    load = f", load average {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    peers = [
        line.strip()
        for file in sorted((HERE / "peers").glob("*.txt"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    return [
        f"{_processor()}, {os.cpu_count()} cores{load}; {platform.system()} {platform.release()}, {_file_system()}",
        f"Python {platform.python_version()}; {', '.join(f'{name} {version(name)}' for name in _OURS)}",
        f"Peers: {', '.join(dict.fromkeys(one.replace('==', ' ') for one in peers))}",
    ]


def _processor() -> str:
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in facts if line.startswith("model name")), platform.machine())


def _file_system() -> str:
    """Name the type of file system in which the histories lie."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return "file system not known"
    here = Path(tempfile.gettempdir()).resolve()
    return max(((len(at), kind) for at, kind in mounts if here.is_relative_to(at)), default=(0, "not known"))[1]


if __name__ == "__main__":
    sys.exit(main())
