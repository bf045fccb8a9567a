"""Run the quickstart on the built-in demo, tell what was made, then open it in JupyterLab.

Everything happens on copies of the tutorials in `try/`, so that the repository stays as it is; a copy that was worked
on is put aside. The kernel sees no key, login or setting of the person, so that the demo answers and nothing can be
bought by trying.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "notebooks"
TUTORIALS = sorted(SOURCES.glob("0*.ipynb"))  # the first is the quickstart
PLACE = ROOT / "try"
_PICTURES = ("image/png", "image/jpeg")
_OURS = ("NOW_", "OPENAI_")
_HOMES = ("HOME", "USERPROFILE", "APPDATA", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "IPYTHONDIR")
_SECONDS_PER_CELL = 120
_LONGEST_LINE = 100


def main() -> int:
    """Run, tell, open."""
    notebook, *_ = [_fresh_copy(source) for source in TUTORIALS]
    shutil.copytree(SOURCES / "images", PLACE / "images", dirs_exist_ok=True)
    environment = _environment(notebook)
    print(f"Running {notebook.name} in a real kernel on the built-in demo: no key, no network, no money.\n", flush=True)
    try:
        ran = _execute(notebook, environment)
    except CellExecutionError as problem:
        print(f"A cell failed:\n{problem}", file=sys.stderr)
        return 1
    made = _tell(ran, notebook)
    print(f"\nCells that made pictures: {made}. The notebook that shows them: {_near(notebook)}")
    return _open(notebook, environment)


def _fresh_copy(source: Path) -> Path:
    PLACE.mkdir(exist_ok=True)
    notebook = PLACE / source.name
    if notebook.exists() and _sources(notebook) != _sources(source):
        notebook.rename(yours := _free_name(notebook))
        print(f"Your changed copy is now {_near(yours)}.")
    shutil.copy(source, notebook)
    return notebook


def _sources(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.source.strip()]


def _free_name(path: Path) -> Path:
    names = (path.with_stem(f"{path.stem}-yours-{number}") for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def _environment(notebook: Path) -> dict[str, str]:
    """Give the environment without keys and addresses; the kernel that it names sees no home of the person either."""
    kernels = _write_kernelspec(PLACE / ".jupyter", PLACE / ".home")
    path = os.pathsep.join(filter(None, [str(kernels), os.environ.get("JUPYTER_PATH")]))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return kept | {"JUPYTER_PATH": path, "JPY_SESSION_NAME": str(notebook)}


def _write_kernelspec(folder: Path, home: Path) -> Path:
    home.mkdir(exist_ok=True)
    quiet = "--IPKernelApp.log_level=ERROR"
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", quiet],
        "display_name": "Python 3 (try)",
        "language": "python",
        "env": {name: str(home) for name in _HOMES},
    }
    place = folder / "kernels" / "python3"
    place.mkdir(parents=True, exist_ok=True)
    (place / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return folder


def _execute(path: Path, environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - nbformat has no types
    os.environ["JUPYTER_PATH"] = environment["JUPYTER_PATH"]  # the kernel is looked up in this process
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=_SECONDS_PER_CELL, kernel_name="python3")
    client.execute(env=dict(environment), cwd=str(path.parent))
    nbformat.write(notebook, path)
    return notebook


def _tell(notebook: Any, path: Path) -> int:  # noqa: ANN401 - nbformat has no types
    made = 0
    for number, cell in enumerate(notebook.cells, 1):
        pictures = list(_pictures(cell))
        if pictures:
            made += 1
            print(f"Cell {number}: {_first_line(cell.source)}")
            for line in pictures:
                print(f"    {line}")
    originals = path.with_suffix(".now") / "pictures"
    if originals.is_dir():
        print(f"\nThe originals, byte for byte: {_near(originals)}")
    return made


def _pictures(cell: Any) -> Iterator[str]:  # noqa: ANN401 - nbformat has no types
    """Give the words of the outputs that hold a picture, and the caption that follows each."""
    outputs = cell.get("outputs", [])
    for output, following in zip(outputs, [*outputs[1:], {}], strict=False):  # the last one has no follower
        if any(mime in output.get("data", {}) for mime in _PICTURES):
            yield from (_short(line) for line in _words(output).splitlines())
            yield from _caption(following)


def _caption(output: Mapping[str, Any]) -> list[str]:
    return _words(output).splitlines() if set(output.get("data", {})) == {"text/plain"} else []


def _words(output: Mapping[str, Any]) -> str:
    return str(output.get("data", {}).get("text/plain", ""))


def _first_line(source: str) -> str:
    lines = [line for line in source.splitlines() if line.strip()]
    return _short(" ⏎ ".join(lines[:2]))


def _short(line: str) -> str:
    line = re.sub(r"\s+", " ", line).strip()
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def _near(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _open(notebook: Path, environment: Mapping[str, str]) -> int:
    arguments = ["-m", "jupyterlab", notebook.name, *(["--allow-root"] if _is_root() else [])]
    if not _has_display():
        python = Path(os.path.relpath(sys.executable, PLACE))
        command = " ".join([f"cd {_near(PLACE)} && JUPYTER_PATH=.jupyter", str(python), *arguments])
        print(f"\nThere is no display here. To open it:  {command}")
        return 0
    server = {name: value for name, value in environment.items() if name != "JPY_SESSION_NAME"}  # Lab sets its own
    print("\nOpening it in JupyterLab; Ctrl-C twice ends it.", flush=True)
    try:
        return subprocess.run([sys.executable, *arguments], cwd=PLACE, env=server, check=False).returncode
    except KeyboardInterrupt:
        return 0


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _has_display() -> bool:
    if os.environ.get("CI"):
        return False
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return True
    return sys.stdin.isatty() and _has_browser()


def _has_browser() -> bool:
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
