"""Which folder belongs to a notebook, so that a history does not come loose from it."""

from __future__ import annotations

import json
import tempfile
import tracemalloc
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from now_jupyter._messages import ConfigError, InputError
from now_jupyter._store import Store
from now_jupyter._store._folder import adopt, find_home, sibling_stores
from now_jupyter._store._notebook import ShownBefore, folder_of, notebook_path, pictures_shown
from now_jupyter._store._record import Record
from now_jupyter._values import Request, Status
from relays import new_session, relay_on_loopback


def notebook(path: Path, *ids: str, demo: bool = False) -> Path:
    """Write a notebook that shows these generations."""
    mark = {"demo": True} if demo else {}
    outputs = [{"output_type": "display_data", "metadata": {"now": {"id": one, **mark}}} for one in ids]
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "outputs": outputs}], "nbformat": 4}))
    return path


def history(folder: Path, *, used_by: Path | None = None, **facts: Any) -> str:
    """Make a folder with one record, and give its id."""
    store = Store(folder, notebook=used_by)
    store.preflight()
    record = Record(id=uuid.uuid4().hex, request=Request(prompt="a fox"), created=1.0, **facts)
    store.claim(record)
    return record.id


# The notebook's name


@pytest.mark.parametrize(
    ("environ", "names", "expected"),
    [
        ({}, {}, None),
        ({"JPY_SESSION_NAME": "/home/me/fox.ipynb"}, {}, "/home/me/fox.ipynb"),
        ({"JPY_SESSION_NAME": "deep/down/fox.ipynb"}, {}, "/place/fox.ipynb"),
        ({"JPY_SESSION_NAME": "/home/me/%E7%8B%90.ipynb"}, {}, "/home/me/狐.ipynb"),
        ({"JPY_SESSION_NAME": "console-1-abc"}, {}, None),
        ({}, {"__vsc_ipynb_file__": "/home/me/vs.ipynb"}, "/home/me/vs.ipynb"),
        ({"JPY_SESSION_NAME": "/a/stale.ipynb"}, {"__vsc_ipynb_file__": "/a/vs.ipynb"}, "/a/vs.ipynb"),
        ({"PAPERMILL_OUTPUT_PATH": "/out/run.ipynb", "PAPERMILL_INPUT_PATH": "/in/run.ipynb"}, {}, "/out/run.ipynb"),
        ({"PAPERMILL_OUTPUT_PATH": "s3://bucket/run.ipynb", "PAPERMILL_INPUT_PATH": "in.ipynb"}, {}, "/place/in.ipynb"),
        ({"JPY_SESSION_NAME": "/a/outer.ipynb"}, {"PAPERMILL_OUTPUT_PATH": "/out/red.ipynb"}, "/out/red.ipynb"),
        ({}, {"PAPERMILL_OUTPUT_PATH": "no/such/folder/red.ipynb"}, "/place/red.ipynb"),
        ({"JPY_SESSION_NAME": "/a/script.py"}, {}, "/a/script.py"),
        ({"JPY_SESSION_NAME": "/a/text.md"}, {}, "/a/text.md"),
        ({"COLAB_RELEASE_TAG": "1"}, {}, "/content/colab.ipynb"),
        ({}, {"__vsc_ipynb_file__": 5}, None),
        ({}, {"__marimo_file__": "/a/app.py"}, "/a/app.py"),
    ],
)
def test_every_front_end_tells_the_name_in_its_own_way(
    environ: Mapping[str, str], names: Mapping[str, Any], expected: str | None
) -> None:
    """Jupyter Server, VS Code, papermill, Colab; what is no notebook's name is none."""
    found = notebook_path(environ, names, Path("/place"))
    assert found == (None if expected is None else Path(expected))


def test_runs_of_papermill_have_a_history_each(tmp_path: Path) -> None:
    """Its paths begin where it was started; with `--inject-paths` it tells them as variables."""
    (tmp_path / "runs").mkdir()
    names = {"PAPERMILL_INPUT_PATH": "in.ipynb", "PAPERMILL_OUTPUT_PATH": "runs/red.ipynb"}
    assert folder_of(notebook_path({}, names, tmp_path), tmp_path) == tmp_path / "runs" / "red.now"


def test_the_folder_is_named_after_the_notebook() -> None:
    """Beside it; without one `untitled.now` in the working folder."""
    assert folder_of(Path("/a/fox.v2.ipynb"), Path("/w")) == Path("/a/fox.v2.now")
    assert folder_of(None, Path("/w")) == Path("/w/untitled.now")


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"cells": 5}', '{"cells": [5, {"outputs": [7]}]}', "[" * 5000])
def test_an_unreadable_notebook_shows_nothing(text: str, tmp_path: Path) -> None:
    """A broken file is no reason to fail."""
    path = tmp_path / "fox.ipynb"
    path.write_text(text)
    assert pictures_shown(path).ids == frozenset()
    assert pictures_shown(tmp_path / "missing.ipynb").ids == frozenset()


def test_what_a_notebook_shows_is_read_from_its_outputs(tmp_path: Path) -> None:
    """Ids, and whether any of them was paid for."""
    assert pictures_shown(notebook(tmp_path / "a.ipynb", "x", "y")).ids == {"x", "y"}
    assert pictures_shown(notebook(tmp_path / "b.ipynb", "x")).paid
    assert not pictures_shown(notebook(tmp_path / "c.ipynb", "x", demo=True)).paid


def test_a_notebook_that_is_a_script_or_a_page_shows_nothing(tmp_path: Path) -> None:
    """What its text says is no output."""
    path = tmp_path / "fox.py"
    path.write_text('# %%\nx = {"metadata": {"now": {"id": "no"}}}\n')
    assert pictures_shown(path) == ShownBefore()


def test_a_large_notebook_is_read_in_pieces(tmp_path: Path) -> None:
    """Whatever lies between the marks, wherever they lie; what a cell or an output says is no mark."""
    path = notebook(tmp_path / "a.ipynb", "x")
    said = json.dumps({"metadata": {"now": {"id": "no"}}})
    form = json.loads(path.read_text())
    outputs = form["cells"][0]["outputs"]
    for at in (0, 8, 30, 60_000):  # the marks lie across the ends of pieces
        data = {"image/png": "A" * ((1 << 20) - 200 + at), "text/plain": [said, "狐🦊"]}
        outputs += [{"output_type": "display_data", "data": data, "metadata": {"now": {"id": f"y{at}"}}}]
    form["cells"] += [{"cell_type": "code", "source": said, "outputs": []}]
    for indent in (None, 1):
        path.write_text(json.dumps(form, indent=indent, ensure_ascii=False), "utf-8")
        assert pictures_shown(path).ids == {"x", "y0", "y8", "y30", "y60000"}
    tracemalloc.start()
    pictures_shown(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size


# Which folder


def test_a_new_notebook_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    """No doubt, and nothing is made before something is kept."""
    home = find_home("", notebook(tmp_path / "fox.ipynb"), tmp_path)
    assert (home.store.folder, home.in_doubt, home.store.exists) == (tmp_path / "fox.now", False, False)
    home.check(is_purchase=True)


def test_a_renamed_notebook_takes_its_history_along(tmp_path: Path) -> None:
    """The one folder that holds its pictures, and whose notebook is gone, is moved, in one line."""
    old = tmp_path / "Untitled.ipynb"
    identity = history(tmp_path / "Untitled.now", used_by=old)
    home = find_home("", notebook(tmp_path / "fox.ipynb", identity), tmp_path)
    assert not home.in_doubt
    assert [one.id for one in home.store.records()] == [identity]
    assert not (tmp_path / "Untitled.now").exists()


def test_a_history_in_use_is_not_moved_away(tmp_path: Path) -> None:
    """A living kernel is still paying into it: nothing is moved, and nothing is bought here."""
    identity = history(tmp_path / "Untitled.now", status=Status.RUNNING, billed="maybe")
    busy = Store(tmp_path / "Untitled.now")
    hold = busy.hold(1)
    assert hold is not None
    shown = notebook(tmp_path / "fox.ipynb", identity)
    with hold:
        home = find_home("", shown, tmp_path)
        assert (home.store.exists, home.in_doubt, busy.exists) == (False, True, True)
    assert find_home("", shown, tmp_path).store.exists
    assert not busy.exists


def test_a_copied_notebook_gets_a_new_folder_and_leaves_the_other_alone(tmp_path: Path) -> None:
    """The original is still there: its history stays its own; answers are found beside."""
    original = notebook(tmp_path / "fox.ipynb")
    identity = history(tmp_path / "fox.now", used_by=original)
    home = find_home("", notebook(tmp_path / "copy.ipynb", identity), tmp_path)
    assert (home.store.folder.name, home.store.exists, home.in_doubt) == ("copy.now", False, False)
    assert [store.folder.name for store in sibling_stores(home.store)] == ["fox.now"]


@pytest.mark.parametrize("orphans", [0, 2])
def test_no_orphan_or_two_leave_a_doubt_that_stops_every_purchase(orphans: int, tmp_path: Path) -> None:
    """Paid pictures in the notebook and their history not certain: nothing is bought."""
    ids = [history(tmp_path / f"old{number}.now") for number in range(orphans)] or ["0" * 32]
    home = find_home("", notebook(tmp_path / "fox.ipynb", *ids), tmp_path)
    assert home.in_doubt
    with pytest.raises(ConfigError, match="not beside it"):
        home.check(is_purchase=True)


def test_demo_pictures_leave_no_doubt(tmp_path: Path) -> None:
    """Nothing was paid for."""
    assert not find_home("", notebook(tmp_path / "fox.ipynb", "0" * 32, demo=True), tmp_path).in_doubt


def test_a_folder_that_is_set_wins(tmp_path: Path) -> None:
    """No looking around; but what the notebook shows is still known."""
    home = find_home("mine.now", notebook(tmp_path / "fox.ipynb", "0" * 32), tmp_path)
    assert (home.store.folder, home.in_doubt, home.shown.paid) == (tmp_path / "mine.now", False, True)


def test_links_and_foreign_folders_are_no_siblings(tmp_path: Path) -> None:
    """Only real folders of ours are looked into."""
    history(tmp_path / "real.now")
    (tmp_path / "link.now").symlink_to(tmp_path / "real.now")
    (tmp_path / "empty.now").mkdir()
    (tmp_path / "file.now").write_text("")
    assert [one.folder.name for one in sibling_stores(Store(tmp_path / "fox.now"))] == ["real.now"]


def test_adopting_moves_a_history_here(tmp_path: Path) -> None:
    """One that is none, and one where there is one already, are refused."""
    history(tmp_path / "old.now")
    mine = Store(tmp_path / "fox.now")
    with pytest.raises(InputError, match="no history"):
        adopt(mine, "nothing.now", tmp_path)
    assert adopt(mine, "old.now", tmp_path)
    assert mine.exists
    history(tmp_path / "other.now")
    with pytest.raises(InputError, match="already"):
        adopt(Store(tmp_path / "fox.now"), "other.now", tmp_path)


# With a session


def test_nothing_is_sent_in_doubt_until_the_user_decides(tmp_path: Path) -> None:
    """Not one request; after `adopt` the order goes out, into the adopted history."""
    identity = history(tmp_path / "a.now")
    other = history(tmp_path / "b.now")
    path = notebook(tmp_path / "fox.ipynb", identity, other)
    environ = {"JPY_SESSION_NAME": str(path)}
    with relay_on_loopback() as served, new_session(tmp_path, served.url, environ=environ) as session:
        with pytest.raises(ConfigError, match="not beside it"):
            session.generate("a hare")
        assert served.posts == 0
        session.context.adopt("a.now")
        assert session.generate("a hare").ref == "#2"
    assert (tmp_path / "fox.now" / "jobs" / "2.json").exists()


@pytest.mark.parametrize("folder", ["", "book.now"])
def test_nothing_is_bought_into_a_folder_that_a_program_takes_away(folder: str, tmp_path: Path) -> None:
    """MyST-NB runs a notebook in a folder of `tempfile`; `NOW_FOLDER` as a whole path and the demo are taken."""
    with relay_on_loopback() as served, tempfile.TemporaryDirectory() as passing:
        place = {"working": Path(passing) / "deep"}
        place["working"].mkdir()
        with new_session(tmp_path, served.url, environ={"NOW_FOLDER": folder}, **place) as session:
            with pytest.raises(ConfigError, match="temporary folder") as refused:
                session.generate("a fox")
            assert "NOW_FOLDER" in refused.value.next_step()
            session.use_demo(instant=True)
            assert session.generate("a fox").demo
        assert served.posts == 0
        for number in (1, 2):
            environ = {"NOW_FOLDER": str(tmp_path / "book.now")}
            with new_session(tmp_path, served.url, environ=environ, **place) as session:
                assert session.generate("a fox").origin == ["bought", "history"][number - 1]
        assert served.posts == 1


def test_a_doubt_ends_when_the_folder_is_put_back_by_hand(tmp_path: Path) -> None:
    """Without a restart."""
    identity = history(tmp_path / "away")
    environ = {"JPY_SESSION_NAME": str(notebook(tmp_path / "fox.ipynb", identity))}
    with relay_on_loopback() as served, new_session(tmp_path, served.url, environ=environ) as session:
        assert session.context.home().in_doubt
        (tmp_path / "away").rename(tmp_path / "fox.now")
        assert session.generate("a hare").ref == "#2"


def test_another_folder_may_be_used_for_a_new_beginning(tmp_path: Path) -> None:
    """`%now folder PATH` ends the doubt as well."""
    environ = {"JPY_SESSION_NAME": str(notebook(tmp_path / "fox.ipynb", "0" * 32))}
    with relay_on_loopback() as served, new_session(tmp_path, served.url, environ=environ) as session:
        assert session.context.use_folder("new.now") == tmp_path / "new.now"
        assert session.generate("a hare").ref == "#1"


def test_one_folder_has_one_store_in_a_kernel(tmp_path: Path) -> None:
    """Its holds are known to whoever asks, also after the settings went elsewhere and back."""
    with new_session(tmp_path) as session:
        first = session.context.home().store
        session.context.use_folder("other.now")
        assert session.context.home().store is not first
        session.context.use_folder("untitled.now")
        again = session.context.home().store
        session.context.use_folder("other.now")
        session.context.use_folder("untitled.now")
        assert session.context.home().store is again


def test_what_stands_for_a_panel_says_whether_it_was_paid_for(tmp_path: Path) -> None:
    """A saved panel names what it shows, and whether that is the demo's; a frame without any says nothing."""
    path = tmp_path / "x.ipynb"

    def shown(mark: dict[str, object]) -> ShownBefore:
        output = {"output_type": "display_data", "data": {}, "metadata": {"now": mark}}
        path.write_text(json.dumps({"cells": [{"outputs": [output]}]}), "utf-8")
        return pictures_shown(path)

    assert shown({"static": True}) == ShownBefore(frozenset(), paid=False)
    assert shown({"static": True, "ids": ["a", "b"], "demo": True}) == ShownBefore(frozenset("ab"), paid=False)
    assert shown({"static": True, "ids": ["a"]}) == ShownBefore(frozenset("a"), paid=True)
