"""What every measurement stands on: a clean environment, folders that go away, the relay, and kernels of both sides."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[1]
HERE = ROOT / "benchmarks"
PEERS = ROOT / ".venv-peers"
sys.path[:0] = [str(ROOT / part) for part in ("tests", "tests/guard", "tools")]

from clean_room import clean_environment  # noqa: E402 - found by the line above
from kernels import Kernel, Ran  # noqa: E402 - as above
from pictures import SIDES, SMALL  # noqa: E402 - as above
from relay import Relay  # noqa: E402 - as above

__all__ = ["HERE", "PEERS", "ROOT", "Cell", "Stage", "Told", "python_of"]

_PATIENCE = 180.0  # seconds for a kernel to start, on a machine that is busy
_OURS, _BY_HAND, _JUPYTER_AI = "ours", "by-hand", "jupyter-ai"


Told = dict[str, float]
"""Figures by their names."""


def python_of(peer: str) -> Path | None:
    """Give the Python of a peer's environment; None where it is not installed."""
    python = PEERS / peer / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return python if python.exists() else None


class Cell(Kernel):
    """A kernel in front of somebody: every cell has an id, as in JupyterLab, must succeed, and may print figures."""

    def start(self, code: str, *, cell_id: str | None = None, answers: Sequence[str] = ()) -> Ran:
        """Send a new cell, and do not wait."""
        return super().start(code, cell_id=cell_id or f"cell-{len(self.cells)}", answers=answers)

    def do(self, code: str, *, timeout: float = 1800) -> Ran:
        """Run a cell.

        Raises:
            RuntimeError: it failed; the message says how.
        """
        ran = self.run(code, timeout=timeout)
        if ran.status != "ok":
            raise RuntimeError(f"{code}\n{ran.text}")
        return ran

    def measure(self, code: str) -> Told:
        """Run a cell and read what it printed."""
        told: Told = json.loads(self.do(code).text.splitlines()[-1])
        return told


@dataclass(kw_only=True)
class Stage:
    """Where a run takes place. `is_tiny`: only to see that all of it works; without peers, once, with few orders.

    `person` is the environment as it was before, in which pip finds its settings.
    """

    is_tiny: bool
    folder: Path
    relay: Relay
    person: Mapping[str, str]
    asked_rounds: int | None = None
    _made: int = 0

    @classmethod
    @contextmanager
    def set_up(cls, *, is_tiny: bool, rounds: int | None = None) -> Iterator[Self]:
        """Build it, with an environment in which no setting, key or proxy of a person is left, and take it away."""
        before = dict(os.environ)
        with tempfile.TemporaryDirectory(prefix="now-bench-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            os.environ.clear()
            os.environ.update(clean_environment(before, folder / "person"))
            os.environ["PYTHONPATH"] = str(HERE)
            os.environ["JUPYTER_PATH"] = str(folder / "jupyter")
            _write_kernelspecs(folder / "jupyter")
            try:
                with Relay(SMALL if is_tiny else SIDES) as relay:
                    yield cls(is_tiny=is_tiny, folder=folder, relay=relay, person=before, asked_rounds=rounds)
            finally:
                os.environ.clear()
                os.environ.update(before)

    def few(self, full: int, tiny: int = 1) -> int:
        """Give how often something is done: as said, or in the tiny form."""
        return tiny if self.is_tiny else full

    def rounds(self, usual: int) -> int:
        """Give how many rounds are measured: once in the tiny form, else as asked for, else as usual."""
        return 1 if self.is_tiny else self.asked_rounds or usual

    def has(self, peer: str) -> bool:
        """Whether a peer takes part."""
        return not self.is_tiny and python_of(peer) is not None

    @contextmanager
    def new_folder(self) -> Iterator[Path]:
        """Give an empty folder that goes away; what many orders write is no room to keep."""
        self._made += 1
        folder = self.folder / f"work-{self._made}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def kernel(self, of: str = _OURS, *, folder: Path | None = None, relay: Relay | None = None) -> Cell:
        """Give a kernel, to be entered; ours orders at the relay and keeps its history in `folder`."""
        environment = {"NOW_BASE_URL": (relay or self.relay).base_url}
        if folder is not None:
            environment["NOW_FOLDER"] = str(folder / "bench.now")
        return Cell(of, env=environment, cwd=folder or self.folder, timeout=_PATIENCE)

    @staticmethod
    def check_saved(folder: Path, count: int) -> None:
        """See that all pictures are there: a figure of what was not done is none."""
        there = sum(1 for one in folder.glob("*.png") if one.stat().st_size)
        if there != count:
            raise RuntimeError(f"{there} of {count} pictures were saved")


def _write_kernelspecs(folder: Path) -> None:
    pythons: dict[str, Path | None] = {_OURS: Path(sys.executable)}
    pythons |= {name: python_of(name) for name in (_BY_HAND, _JUPYTER_AI)}
    for name, python in pythons.items():
        if python is None:
            continue
        arguments: Sequence[str] = ("-m", "ipykernel_launcher", "-f", "{connection_file}")
        spec: dict[str, Any] = {"argv": [str(python), *arguments], "display_name": name, "language": "python"}
        place = folder / "kernels" / name
        place.mkdir(parents=True)
        (place / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
