"""What loading costs in fresh interpreters: `%load_ext now_jupyter`, `import openai`, `%load_ext jupyter_ai_magics`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from harness import Row, in_turn, ms
from stage import Stage, python_of

__all__ = ["rows"]

_SHELL = "from IPython.core.interactiveshell import InteractiveShell; ip = InteractiveShell.instance(); "
_TIMED = "import time; began = time.perf_counter(); {work}; print(time.perf_counter() - began)"
_LOAD = _SHELL + _TIMED.format(work="assert ip.extension_manager.load_extension('{name}') is None")
_HEAVY = ("httpx", "httpx2", "PIL", "anyio", "ipywidgets", "anywidget", "sqlite3", "msgspec", "asyncio")
_LOADED = _SHELL + (
    "import sys, json; before = set(sys.modules); ip.extension_manager.load_extension('now_jupyter'); "
    "print(json.dumps(sorted(set(sys.modules) - before)))"
)


def rows(stage: Stage) -> Iterator[Row]:
    """Measure, and look which modules come with the extension."""
    here, by_hand, other = Path(sys.executable), python_of("by-hand"), python_of("jupyter-ai")
    works = [(here, _LOAD.format(name="now_jupyter"))]
    if stage.has("by-hand") and stage.has("jupyter-ai"):
        works += [(by_hand, _TIMED.format(work="import openai")), (other, _LOAD.format(name="jupyter_ai_magics"))]
    scripts = [lambda _, one=one: float(_said(*one)) for one in works]
    ours, *theirs = in_turn(scripts, stage.rounds(11))
    sdk, magics = theirs or ((), ())
    work = "%load_ext now_jupyter in a fresh IPython"
    yield Row(work=work, unit="ms", ours=ms(ours), peer="jupyter_ai_magics", theirs=ms(magics), goal=20)
    yield Row(work=work, unit="ms", ours=ms(ours), peer="import openai", theirs=ms(sdk), goal=0.05, of="ratio")
    new = json.loads(_said(here, _LOADED))
    heavy = [name for name in _HEAVY if name in new]
    yield Row(
        work=f"{work}: modules of httpx, Pillow, anyio, widgets, sqlite",
        unit="",
        ours=[len(heavy)],
        goal=0,
        is_counted=True,
        note=", ".join(heavy) or f"{len(new)} modules, all of them ours or the standard library's",
    )


def _said(python: Path, script: str) -> str:
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]
