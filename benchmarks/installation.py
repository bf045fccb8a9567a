"""What an installation weighs, IPython and widgets included, and what in it weighs most."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness import Row
from stage import ROOT, Stage

__all__ = ["rows"]

PEER = "jupyter-ai==3.2.0"
_HEAVIEST = 6


def rows(stage: Stage) -> Iterator[Row]:
    """Install the wheel into an empty folder, and jupyter-ai into another; in the tiny form weigh what is here."""
    with stage.new_folder() as ours, stage.new_folder() as theirs:
        if not stage.is_tiny:
            _install(ours, [_wheel(theirs, stage.person), "-c", str(ROOT / "constraints.txt")], stage.person)
        weights, peer = _weigh(ROOT / "now_jupyter" if stage.is_tiny else ours), Counter[str]()
        if stage.has("by-hand"):
            _install(theirs, [PEER], stage.person)
            peer = _weigh(theirs)
    yield Row(
        work="pip install into an empty environment",
        unit="MB",
        ours=[weights.total()],
        peer=PEER.replace("==", " "),
        theirs=[peer.total()] if peer else (),
        goal=120,
        is_counted=True,
        note=", ".join(f"{name} {weight:.1f}" for name, weight in weights.most_common(_HEAVIEST)),
    )


def _wheel(folder: Path, person: Mapping[str, str]) -> str:
    _pip(["wheel", "--no-deps", "--wheel-dir", str(folder / "wheel"), str(ROOT)], person)
    return str(next((folder / "wheel").glob("*.whl")))


def _install(folder: Path, what: Sequence[str], person: Mapping[str, str]) -> None:
    _pip(["install", "--target", str(folder / "site-packages"), *what], person)


def _pip(arguments: Sequence[str], person: Mapping[str, str]) -> None:
    """Run pip as the person has configured it."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", *arguments]
    subprocess.run(command, check=True, env=person, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _weigh(folder: Path) -> Counter[str]:
    """Give the megabytes below each name of a folder's top; the folder of an installation is `site-packages` in it."""
    top = folder / "site-packages" if (folder / "site-packages").is_dir() else folder
    weights: Counter[str] = Counter()
    for path in top.rglob("*"):
        if path.is_file() and not path.is_symlink():
            weights[path.relative_to(top).parts[0]] += _on_disk(path) / 1e6
    return weights


def _on_disk(path: Path) -> int:
    """Give the bytes that a file takes, as du does; its length where the system does not tell."""
    facts = path.stat()
    return 512 * facts.st_blocks if hasattr(facts, "st_blocks") else facts.st_size
