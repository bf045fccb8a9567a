"""Run the tests with kernels and browser again and again beside a busy process, and stop at the first that fails.

    python tools/steady.py 20 [-k words, or other arguments of pytest]

A test that depends on how fast the machine is fails here sooner than in a run of its own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PYTEST = ("-m", "pytest", "tests", "--kernels", "-q", "-x", "-p", "no:nbval", "-p", "no:cacheprovider")


def main() -> int:
    """Give 0 where every run passed."""
    runs, more = int(sys.argv[1]), sys.argv[2:]
    with _busy_neighbour():
        for run in range(1, runs + 1):
            start = time.monotonic()
            done = subprocess.run(
                [sys.executable, *_PYTEST, *more], cwd=ROOT, capture_output=True, text=True, check=False
            )
            if done.returncode:
                print(f"{done.stdout}{done.stderr}\nrun {run} of {runs} failed")
                return 1
            print(f"run {run} of {runs} passed in {time.monotonic() - start:.0f} s", flush=True)
    return 0


@contextmanager
def _busy_neighbour() -> Iterator[None]:
    """Keep one core busy for the length of the block."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
