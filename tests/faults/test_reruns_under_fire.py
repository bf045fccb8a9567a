"""Run All again and again after crashes, with open orders, after renames, copies and clones: what was bought is shown,
and nothing equal is bought twice without the user's word (design.md §2.5, §2.7).
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from faultserver import Action, Await, Close, Hang, Seen, Send, json_answer, response
from kernels import KERNEL_7, Kernel
from kills import GENERATE, PROMPT, Kernels, Relay, picture_of, sold

LOAD = "%load_ext now_jupyter"
CELL = f"%%nowimage -m gpt-image-2 -n 1\n{PROMPT}"


@pytest.fixture(scope="module")
def kernels() -> Iterator[Kernels]:
    with Kernels() as kernels:
        yield kernels


def environment(relay: Relay, path: Path) -> dict[str, str]:
    """Return what a notebook's kernel is told; its user is the one of the kernels that are killed (`kills`)."""
    state = str(path.parent / ".state")
    return {"NOW_BASE_URL": relay.url, "JPY_SESSION_NAME": str(path), "XDG_STATE_HOME": state}


class Program:
    """A notebook and the one who runs all of its cells, each time in a new kernel, and saves it."""

    def __init__(self, relay: Relay, path: Path, cells: Sequence[str]) -> None:
        self.relay = relay
        self.path = path
        notebook = nbformat.v4.new_notebook()
        for number, source in enumerate((LOAD, *cells)):
            notebook.cells.append(nbformat.v4.new_code_cell(source, id=f"cell-{number}"))
        nbformat.write(notebook, path)

    def run_all(self, path: Path | None = None) -> list[Any]:
        """Give the cells after a run in a new kernel."""
        path = path or self.path
        notebook = nbformat.read(path, as_version=4)
        client = nbclient.NotebookClient(
            notebook,
            kernel_name=KERNEL_7,
            allow_errors=True,
            timeout=60,
            resources={"metadata": {"path": str(path.parent)}},
        )
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment(self.relay, path).items():
                patch.setenv(name, value)
            client.execute()
        nbformat.write(notebook, path)
        return list(notebook.cells[1:])

    @property
    def folder(self) -> Path:
        return self.path.with_suffix(".now")


def shown(cell: Any) -> list[str]:
    """Name the pictures that a cell shows."""
    pictures = [one for one in cell.outputs if any(mime.startswith("image/") for mime in one.get("data", {}))]
    return [digest for one in pictures for digest in one["metadata"]["now"]["sha256"]]


def text(cell: Any) -> str:
    return "\n".join(
        "\n".join(one.get("traceback", [])) + one.get("text", "") + one.get("data", {}).get("text/plain", "")
        for one in cell.outputs
    )


class Troubled(Relay):
    """The first order goes well, of the second one link is dead, to the third nobody answers."""

    def __init__(self) -> None:
        super().__init__(form="url", count=2)
        self.third = threading.Event()
        self.is_healed = False
        self._scripts[GENERATE].clear()
        self.script(self._first, self._first, self._hanging, self._first, path=GENERATE)

    def _first(self, seen: Seen) -> list[Action]:
        return [Send(json_answer(self.answer(seen.headers["idempotency-key"]))), Close()]

    def _hanging(self, _: Seen) -> list[Action]:
        return [Await(threading.Event(), self.third), Hang()]

    def _other(self, seen: Seen) -> list[Any]:
        is_dead = len(self.ledger) == 2 and seen.path.endswith("/1") and not self.is_healed
        return [Send(response(404))] if is_dead else super()._other(seen)


@pytest.mark.row("K2", injected="Run All twice over done, partial and unknown orders after a kill")
def test_run_all_after_a_crash_shows_what_was_bought_and_orders_nothing_again(tmp_path: Path, campaign: Any) -> None:
    """Done and partial ones are shown, the unknown one is refused until `--fresh`; what that bought is shown then."""
    cells = [f"%%nowimage -m gpt-image-2 -n 2\n{prompt}" for prompt in ("a fox", "a hare", "an owl")]
    with Troubled() as relay:
        program = Program(relay, tmp_path / "n.ipynb", cells)
        die_in_the_third_cell(relay, cells, tmp_path)
        first, second = relay.ledger[:2]
        assert len(relay.ledger) == 3
        for _ in range(2):
            fox, hare, owl = program.run_all()
            assert shown(fox) == digests(relay, first)
            assert shown(hare) == digests(relay, second)[:1]
            assert "MaybeBilledError: #3" in text(owl)
            assert len(relay.ledger) == 3
        relay.is_healed = True
        resumed(program)
        fox, hare, owl = program.run_all()
        assert (shown(fox), shown(hare)) == (digests(relay, first), digests(relay, second))
        assert "MaybeBilledError: #3" in text(owl)
        fresh = Program(relay, tmp_path / "n.ipynb", [*cells[:2], cells[2].replace("%%nowimage", "%%nowimage --fresh")])
        assert len(shown(fresh.run_all()[2])) == 2
        assert len(relay.ledger) == 4
        program = Program(relay, tmp_path / "n.ipynb", cells)
        for _ in range(2):
            assert [shown(cell) for cell in program.run_all()] == [
                digests(relay, first),
                digests(relay, second),
                digests(relay, relay.ledger[3]),
            ]
        assert len(relay.ledger) == 4
    campaign.outcome(outcome="shown, refused, --fresh, shown", billed="once each", kept="all")


def die_in_the_third_cell(relay: Troubled, cells: Sequence[str], folder: Path) -> None:
    with Kernel(env=environment(relay, folder / "n.ipynb"), cwd=folder) as kernel:
        kernel.run(LOAD)
        for cell in cells[:2]:
            assert kernel.run(cell).status == "ok"
        kernel.start(cells[2])
        kernel.until(relay.third.is_set)
        kernel.kill()


def resumed(program: Program) -> None:
    with Kernel(env=environment(program.relay, program.path), cwd=program.path.parent) as kernel:
        kernel.run(LOAD)
        assert "done" in kernel.run("%now resume").text


def digests(relay: Relay, key: str) -> list[str]:
    import hashlib

    return [hashlib.sha256(picture_of(key, index)).hexdigest() for index in range(relay.count)]


@pytest.mark.row("K2", injected="Run All over an order whose answer is on disk and whose kernel is dead")
def test_run_all_joins_an_order_that_died_with_its_answer(tmp_path: Path, kernels: Kernels, campaign: Any) -> None:
    """The cell collects it without paying and shows it; so does every later run."""
    with Relay(form="url") as relay:
        program = Program(relay, tmp_path / "n.ipynb", [CELL])
        for place in itertools.count(1, 5):
            relay.forget()
            shutil.rmtree(program.folder, ignore_errors=True)
            assert kernels.act("generate", program.folder, relay, ("effect", place)).killed
            if (program.folder / "answers" / "1").exists():
                break
        for _ in range(2):
            assert shown(program.run_all()[0]) == digests(relay, relay.ledger[0])
        assert len(relay.ledger) == 1
    campaign.outcome(outcome="joined", billed="once", kept="all")


@pytest.mark.row("K2", injected="Run All over an order that was sent and never answered")
def test_run_all_names_an_order_of_unknown_outcome(tmp_path: Path, kernels: Kernels, campaign: Any) -> None:
    """It is refused each time, `resume` changes nothing, and nothing is sent."""
    with Relay() as relay:
        program = Program(relay, tmp_path / "n.ipynb", [CELL, "%now resume"])
        sold(kernels, relay, program.folder)
        for _ in range(2):
            cell, again = program.run_all()
            assert "MaybeBilledError: #1" in text(cell)
            assert "unknown" in text(again)
        assert len(relay.ledger) == 1
    campaign.outcome(outcome="MaybeBilledError each time", billed="maybe", kept="the record")


# Names and places


@pytest.mark.row("S7", injected="notebook renamed, copied, moved with its folder, cloned with and without it")
def test_wherever_a_notebook_goes_its_pictures_are_shown_or_nothing_is_bought(tmp_path: Path, campaign: Any) -> None:
    """Rename, copy, move, `git clone`: the same picture, nothing spent; a clone without its history buys nothing.

    Each begins with the notebook, history and state as the one run that bought has left them, in the same place.
    """
    home, kept = tmp_path / "home", tmp_path / "kept"
    with Relay() as relay:
        (home / "work").mkdir(parents=True)
        program = Program(relay, home / "work" / "n.ipynb", [CELL])
        (before,) = program.run_all()
        assert shown(before) == digests(relay, relay.ledger[0])
        home.rename(kept)
        for change, act in CHANGES.items():
            shutil.copytree(kept, home, symlinks=True)
            path = act(program)
            (after,) = program.run_all(path)
            (again,) = program.run_all(path) if change in ("renamed", "cloned alone") else (after,)
            if change == "cloned alone":
                assert "ConfigError" in text(after)
                assert "ConfigError" in text(again)
            else:
                assert shown(after) == shown(again) == shown(before), change
            assert len(relay.ledger) == 1, change
            if change == "renamed":
                assert path.with_suffix(".now").is_dir()
                assert not program.folder.exists()
            shutil.rmtree(home)
            outcome = "refused" if change == "cloned alone" else "same picture"
            campaign.outcome(outcome=outcome, billed="once", kept="all", injected=change)


def renamed(program: Program) -> Path:
    return program.path.rename(program.path.with_name("other name.ipynb"))


def copied(program: Program) -> Path:
    return Path(shutil.copy(program.path, program.path.with_name("n-Copy1.ipynb")))


def copied_with_folder(program: Program) -> Path:
    shutil.copytree(program.folder, program.path.with_name("n-Copy1.now"))
    return copied(program)


def moved(program: Program) -> Path:
    return program.path.parent.rename(program.path.parent.with_name("elsewhere")) / "n.ipynb"


def cloned(program: Program, *names: str) -> Path:
    """Commit what git would take, and clone it."""
    work, clone = program.path.parent, program.path.parent.with_name("clone")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main"]
    for command in (["init", "-q"], ["add", *(names or ["."])], ["commit", "-q", "-m", "pictures"]):
        subprocess.run([*git, *command], cwd=work, check=True)
    subprocess.run([*git, "clone", "-q", str(work), str(clone)], check=True)
    return clone / "n.ipynb"


CHANGES: dict[str, Any] = {
    "renamed": renamed,
    "copied": copied,
    "copied with folder": copied_with_folder,
    "moved": moved,
    "cloned": cloned,
    "cloned alone": lambda program: cloned(program, "n.ipynb"),
}
