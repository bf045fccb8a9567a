"""Install the package for every CPython that this machine has, and see that it works and ends clean on each.

The wheel is built once. Each version gets an environment below `.venv/pythons`, kept for the next run. Only what does
not start at all is left out, and named; a version for which something cannot be installed fails.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".venv" / "pythons"
NOTEBOOK = ROOT / "notebooks" / "01-quickstart.ipynb"
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST = (3, 11)
_NAME = re.compile(r"python3\.(1[1-9]|[2-9]\d)(\.exe)?")
_SECONDS = 300
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
_BIN = "Scripts" if os.name == "nt" else "bin"

ASK_VERSION = "import sys; print(sys.implementation.name, '.'.join(map(str, sys.version_info[:3])))"
MAKE_PICTURES = """
import time
import now_jupyter as nj
print(nj.generate("a red fox in snow").pictures[0])
late = [nj.submit(f"fox number {n} comes late", params={"demo": {"latency": 1}}) for n in range(6)]
while not all(job.is_sent for job in late):
    time.sleep(0.01)
"""
COUNT_PICTURES = """
import now_jupyter as nj
made = [one.status.value for one in nj.history]
assert made == ["done"] * 7, made
"""
RUN_NOTEBOOK = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
quiet = ["--IPKernelApp.log_level=ERROR"]
NotebookClient(notebook, timeout=120, kernel_name="python3", extra_arguments=quiet).execute()
outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
assert any(kind.startswith("image/") for one in outputs for kind in one.get("data", {})), "no picture in the notebook"
"""


class Failed(Exception):
    """A command did not do what it should; says which, and what it wrote."""


@dataclass(frozen=True, slots=True)
class Python:
    """One interpreter, and the environment in which it tries the package."""

    version: str
    program: str

    @property
    def folder(self) -> Path:
        """Where its environment lies."""
        return PLACE / self.version

    @property
    def runs(self) -> str:
        """The interpreter of its environment."""
        return str(self.folder / _BIN / "python")


def main() -> int:
    """Try all versions, as many at a time as there are cores; returns the exit code."""
    pythons, broken = find_pythons()
    if broken:
        print(f"Left out, as they do not start: {', '.join(broken)}", flush=True)
    if not pythons:
        print(f"There is no CPython from {'.'.join(map(str, OLDEST))} on.", file=sys.stderr)
        return 1
    wheel = build_wheel()
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        problems = list(workers.map(partial(report, wheel=wheel), pythons))
    return 1 if any(problems) else 0


def find_pythons() -> tuple[list[Python], list[str]]:
    """Return one interpreter of each version, oldest first, and the programs that do not start."""
    found: dict[str, Python] = {}
    broken = []
    for program in candidates():
        answer = subprocess.run([program, "-I", "-c", ASK_VERSION], check=False, capture_output=True, text=True)
        if answer.returncode:
            broken.append(program)
            continue
        name, version = answer.stdout.split()
        if name == "cpython" and numbers(version) >= OLDEST:
            found.setdefault(version, Python(version, program))
    return sorted(found.values(), key=lambda one: numbers(one.version)), broken


def candidates() -> Iterator[str]:
    """Yield what may be an interpreter: this one, those on the path, those of pyenv."""
    yield sys.executable
    for folder in map(Path, os.environ.get("PATH", "").split(os.pathsep)):
        programs = sorted(folder.iterdir()) if folder.is_dir() else []
        yield from (str(program) for program in programs if _NAME.fullmatch(program.name))
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from map(str, sorted(versions.glob("3.*/bin/python")))


def numbers(version: str) -> tuple[int, ...]:
    """Return `3.12.1` as numbers that can be compared."""
    return tuple(map(int, version.split(".")))


def build_wheel() -> Path:
    """Return the wheel of the sources as they are now."""
    folder = PLACE / "wheels" / digest(ROOT / "pyproject.toml", *sorted((ROOT / "now_jupyter").rglob("*.*")))
    if not folder.is_dir():
        shutil.rmtree(folder.parent, ignore_errors=True)
        with tempfile.TemporaryDirectory() as place:
            run("the wheel", [*_PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", place, str(ROOT)], Path(place))
            shutil.copytree(place, folder)
    return next(folder.glob("*.whl"))


def digest(*paths: Path) -> str:
    """Return a word that changes with the names and the bytes of these files."""
    whole = hashlib.sha256()
    for path in paths:
        if path.is_file() and path.suffix != ".pyc":
            whole.update(f"{path} {path.stat().st_size}\n".encode() + path.read_bytes())
    return whole.hexdigest()[:16]


def report(python: Python, *, wheel: Path) -> bool:
    """Try one version and print how it went; returns whether something is wrong."""
    began = time.monotonic()
    try:
        install(python, wheel)
        with tempfile.TemporaryDirectory() as place:
            try_package(python, Path(place))
    except Failed as problem:
        print(f"Python {python.version} ({python.program}) FAILED\n{problem}", flush=True)
        return True
    print(f"Python {python.version} works and ends clean ({time.monotonic() - began:.0f} s)", flush=True)
    return False


def install(python: Python, wheel: Path) -> None:
    """Bring the environment of a version up to date; it needs no pip of its own."""
    stamp = python.folder / "installed"
    others = f"{python.program} {digest(CONSTRAINTS, ROOT / 'pyproject.toml')} "
    there = stamp.read_text(encoding="utf-8") if stamp.is_file() else ""
    if there == others + wheel.parent.name:
        return
    wanted = ["--force-reinstall", "--no-deps", str(wheel)]
    if not there.startswith(others):
        run("the environment", [python.program, "-m", "venv", "--clear", "--without-pip", str(python.folder)], ROOT)
        wanted = ["-c", str(CONSTRAINTS), str(wheel), "ipykernel", "nbclient"]
    stamp.unlink(missing_ok=True)
    run("the installation", [*_PIP, "--python", python.runs, "install", "--quiet", *wanted], ROOT)
    stamp.write_text(others + wheel.parent.name, encoding="utf-8")


def try_package(python: Python, place: Path) -> None:
    """Make pictures in a script, of which six are under way at its end, and run the quickstart."""
    readers = place / "reader"  # apart from the script, so that the notebook's numbers are its own
    readers.mkdir()
    notebook = shutil.copy(NOTEBOOK, readers)
    run("a script", [python.runs, "-W", "error", "-c", MAKE_PICTURES], place, is_quiet=True)
    run("what it left", [python.runs, "-W", "error", "-c", COUNT_PICTURES], place, is_quiet=True)
    run("the quickstart", [python.runs, "-c", RUN_NOTEBOOK, str(notebook)], readers, is_quiet=True)


def run(what: str, command: Sequence[str], place: Path, *, is_quiet: bool = False) -> None:
    """Run a command in a folder; a quiet one sees nothing of the person and may write nothing to stderr.

    Raises:
        Failed: it ended with another code than 0, took too long, or said something.
    """
    environ = bare_environment(place) if is_quiet else None
    try:
        done = subprocess.run(
            command, cwd=place, env=environ, check=False, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{what}: not ended after {_SECONDS} s") from late
    if done.returncode or (is_quiet and done.stderr):
        raise Failed(f"{what}: exit code {done.returncode}\n{done.stdout}{done.stderr}")


def bare_environment(home: Path) -> dict[str, str]:
    """Return an environment without settings, keys, proxies and network."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return kept | {"HOME": str(home), "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT / "tests" / "guard")}


if __name__ == "__main__":
    sys.exit(main())
