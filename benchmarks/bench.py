"""Measure what is claimed to be fast, side by side with its peers in one run; print a table and write RESULTS.md.

make bench                         all of it, which takes half an hour; Ctrl-C writes what there is by then
make bench BENCH="many startup"    some groups, which are printed only
python benchmarks/bench.py --rounds 1 many
python benchmarks/bench.py --tiny  each benchmark once, in a tiny form without peers: does it still work?
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

import growth
from harness import Noise, Row
from stage import HERE, Stage

GROUPS = (
    *("startup", "one_picture", "notebook_size", "waiting", "open_panel", "installation", "previews"),
    *("two_kernels", "many", "long_history"),
)
GROWTH = "growth"
RESULTS = HERE / "RESULTS.md"
_HEAD = ("work", "goal", "now_jupyter", "peer", "ratio", "verdict", "note")
_GROWTH = """So many pictures of 0.16 MB ordered at once, 32 in flight, the server's latency off; processor is its part
of the milliseconds. Wire, decode and fsync are what a picture takes at best, one after the other: to receive the
answer, to decode base64 and pixels, to write a durable file. The notebook is what it holds with each picture in a cell.
"""
_OURS = ("now_jupyter", "httpx", "ipykernel", "ipython", "ipywidgets", "msgspec", "pillow")


def main() -> int:
    """Run the groups that are asked for; give 1 if one of them failed. An interrupt ends it with what is measured."""
    asked = _arguments()
    names = asked.groups or (*GROUPS, GROWTH)
    rows: list[Row] = []
    grown: list[list[str]] = []
    missing: list[str] = []
    machine = _machine()
    with Stage.set_up(is_tiny=asked.tiny, rounds=asked.rounds) as stage:
        for name in names:
            try:
                if name == GROWTH:
                    grown.extend(_growth(stage))
                else:
                    rows.extend(_rows(name, stage))
            except KeyboardInterrupt:
                missing += names[names.index(name) :]
                break
            except Exception:  # noqa: BLE001 - the other groups still have something to tell
                traceback.print_exc()
                missing.append(name)
    if not (asked.groups or asked.tiny):
        machine += [f"Not measured to its end: {', '.join(missing)}."] if missing else []
        RESULTS.write_text(_markdown(rows, grown, machine), encoding="utf-8")
        print(f"\nwritten: {RESULTS.relative_to(HERE.parent)}")
    return bool(missing)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"some of: {' '.join((*GROUPS, GROWTH))}")
    parser.add_argument("--tiny", action="store_true", help="each benchmark once, with few orders and no peers")
    parser.add_argument("--rounds", type=int, help="rounds of each measurement, instead of its own number")
    asked = parser.parse_args()
    if unknown := {*asked.groups} - {*GROUPS, GROWTH}:
        parser.error(f"no such group: {' '.join(sorted(unknown))}; there are: {' '.join((*GROUPS, GROWTH))}")
    return asked


def _rows(name: str, stage: Stage) -> Iterator[Row]:
    """Measure and print one group; the noise of the machine is taken between any two rows."""
    print(f"\n{name}", flush=True)
    before = Noise.now()
    for measured in importlib.import_module(name).rows(stage):
        after = Noise.now()
        row = replace(measured, noise=max(before, after, key=lambda one: one.spread))
        before = after
        _print(row)
        yield row


def _growth(stage: Stage) -> Iterator[list[str]]:
    """Measure and print how cost grows."""
    print(f"\n{GROWTH}\n  " + " ".join(f"{one:>17}" for one in growth.HEAD), flush=True)
    for line in growth.lines(stage):
        print("  " + " ".join(f"{one:>17}" for one in line), flush=True)
        yield line


def _print(row: Row) -> None:
    work, goal, ours, peer, ratio, verdict, note = row.cells()
    line = f"  {work:<66} {ours:>12}"
    line += f"   {ratio} × {peer}" if ratio else f"   {peer}".rstrip()
    line += f"   {goal}: {verdict}" if verdict else ""
    print(line + (f"\n      {note}" if note else ""), flush=True)


def _markdown(rows: Sequence[Row], grown: Sequence[Sequence[str]], machine: Sequence[str]) -> str:
    noisy = sum(not row.noise.is_quiet for row in rows)
    lines = ["# What `make bench` measured", "", *(f"* {one}" for one in machine)]
    if noisy:
        lines.append(f"* Something else kept this machine busy during {noisy} of {len(rows)} rows.")
    lines += ["", *_table(_HEAD, [row.cells() for row in rows]), "", "## How cost grows", "", _GROWTH]
    return "\n".join([*lines, *_table(growth.HEAD, grown), ""])


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
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return [
        f"{_processor()}, {os.cpu_count()} cores{load}; {system}, {_file_system()}",
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
