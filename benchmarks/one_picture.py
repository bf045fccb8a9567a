"""One picture in a cell: the first of a fresh kernel, each further one, and what an order asks of the system.

Times are those of a front end: from the cell's sending to its end, with all that it shows.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from harness import Row, in_turn, ms
from stage import Cell, Stage

__all__ = ["rows"]

FIRST = {
    "ours": "%load_ext now_jupyter\n%nowimage -m gpt-image-2 a red fox in snow",
    "by-hand": """import base64
from pathlib import Path
from IPython.display import Image, display
from openai import OpenAI
client = OpenAI(base_url={base_url!r}, api_key="-")
answer = client.images.generate(model="gpt-image-2", prompt="a red fox in snow")
data = base64.b64decode(answer.data[0].b64_json)
Path("fox.png").write_bytes(data)
display(Image(data))""",
}
EXPERT = """import base64, os
from pathlib import Path
import httpx
from IPython.display import Image, display
from cells import flush_folder
client = httpx.Client(timeout=None)
def picture(prompt):
    answer = client.post({base_url!r} + "/images/generations", json={{"model": "gpt-image-2", "prompt": prompt}})
    one = answer.json()["data"][0]
    data = base64.b64decode(one["b64_json"]) if "b64_json" in one else client.get(one["url"]).content
    part = Path(f"{{prompt}}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(f"{{prompt}}.png")
    flush_folder(Path())
    display(Image(data))"""
_CALLS = {
    "fsyncs": ("fsync", "fdatasync"),
    "opens": ("open", "openat", "openat2"),
    "stats": ("stat", "lstat", "newfstatat", "statx", "statfs"),
}
_SETTLED = 4  # seconds after which a folder's modification time tells whether it has changed
_MOST = {"fsyncs": 6, "opens": 50, "stats": 60}


def rows(stage: Stage) -> Iterator[Row]:
    """Measure one picture after another, with the server's latency off."""
    stage.relay.set()
    yield _first(stage)
    yield from _further(stage)
    yield from _calls(stage)


def _first(stage: Stage) -> Row:
    def of(peer: str) -> float:
        with stage.new_folder() as folder, stage.kernel(peer, folder=folder) as kernel:
            return _seconds(kernel, FIRST[peer].format(base_url=stage.relay.base_url))

    works = ["ours", "by-hand"] if stage.has("by-hand") else ["ours"]
    ours, *theirs = in_turn([lambda _, one=one: of(one) for one in works], stage.rounds(7))
    return Row(
        work="first picture in a fresh kernel, imports included",
        unit="ms",
        ours=ms(ours),
        peer="OpenAI SDK by hand",
        theirs=ms(theirs[0]) if theirs else (),
        goal=1 / 3,
        of="ratio",
    )


def _further(stage: Stage) -> Iterator[Row]:
    with ExitStack() as stack:
        folder = stack.enter_context(stage.new_folder())
        ours = _warm(stack.enter_context(stage.kernel(folder=folder)))
        works = [lambda number: _seconds(ours, f"%nowimage -m gpt-image-2 fox {number}")]
        if stage.has("by-hand"):
            theirs = stack.enter_context(stage.kernel("by-hand", folder=folder))
            theirs.do(EXPERT.format(base_url=stage.relay.base_url) + "\npicture('warm')")
            works.append(lambda number: _seconds(theirs, f"picture('fox {number}')"))
        taken = f"{stage.relay.base_url!r}, {str(folder)!r}, {stage.few(10, 2)}"
        limits = ours.measure(f"import cells\ncells.limits({taken})")
        for form in ("b64", "url"):
            stage.relay.set(form=form)
            figures = in_turn(works, stage.rounds(30))
            yield Row(
                work=f"each further picture, given as {form}",
                unit="ms",
                ours=ms(figures[0]),
                peer="expert httpx, durable and shown whole",
                theirs=ms(figures[1]) if figures[1:] else (),
                goal=1.25,
                of="ratio",
                note="at best, one after the other: "
                + ", ".join(f"{name} {one:.1f} ms" for name, one in limits.items()),
            )


def _calls(stage: Stage) -> Iterator[Row]:
    """Have strace count what one further order asks of the history's folder, in all threads of the kernel."""
    stage.relay.set()
    if shutil.which("strace") is None:
        return
    with stage.new_folder() as folder, stage.kernel(folder=folder) as kernel:
        _warm(kernel)
        for number in range(stage.few(20, 1)):
            kernel.do(f"%nowimage -m gpt-image-2 fox {number}")
        counts = []
        for number in range(stage.rounds(3)):
            time.sleep(stage.few(_SETTLED, 0))
            counts.append(_count(kernel, folder / "calls", f"fox counted {number}"))
    for kind, most in _MOST.items():
        yield Row(
            work=f"system calls of an order: {kind}",
            unit="",
            ours=[float(one[kind]) for one in counts],
            goal=most,
            is_counted=True,
        )


def _count(kernel: Cell, log: Path, prompt: str) -> Counter[str]:
    names = [name for several in _CALLS.values() for name in several]
    command = ["strace", "-f", "-qq", "-y", "-e", f"trace={','.join(names)}", "-o", str(log), "-p", str(kernel.pid)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as strace:
        while not log.exists() or not _is_traced(kernel.pid):
            time.sleep(0.01)
        kernel.do(f"%nowimage -m gpt-image-2 {prompt}")
        strace.terminate()
    called = re.findall(r"^\d+ +(\w+)\(.*bench\.now", log.read_text(errors="replace"), re.MULTILINE)
    log.rename(log.with_suffix(".last"))
    return Counter(kind for name in called for kind, several in _CALLS.items() if name in several)


def _is_traced(pid: int) -> bool:
    return all("TracerPid:\t0" not in (task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir())


def _warm(kernel: Cell) -> Cell:
    kernel.do("%load_ext now_jupyter\n%nowimage -m gpt-image-2 to begin with")
    return kernel


def _seconds(kernel: Cell, code: str) -> float:
    began = time.perf_counter()
    kernel.do(code)
    return time.perf_counter() - began
