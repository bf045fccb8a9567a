"""A notebook with its pictures in one file, and back: written beside, never over another, its history filled."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from now_jupyter._display._display import caption_of
from now_jupyter._messages import InputError
from now_jupyter._session import Session
from now_jupyter._store import Store
from relays import new_session, relay_on_loopback
from test_previews import caption, output_of, saved


def bundled(studio: Session, tmp_path: Path) -> Path:
    """A bundle of a notebook that shows #2; #1.2 has a star."""
    shown = studio.history["#2"]
    notebook = saved(tmp_path / "fox.ipynb", ("%%nowimage --seed 7\n雪地里的狐狸", [output_of(shown), caption(shown)]))
    return studio.history.bundle(tmp_path / "fox", notebook).path


def test_a_bundle_holds_what_is_shown_and_what_has_a_star(studio: Session, tmp_path: Path) -> None:
    """The notebook at the top, originals and recipes below; the suffix is added."""
    path = bundled(studio, tmp_path)
    assert path == tmp_path / "fox.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [
            "fox.ipynb",
            "pictures/1.2-red-fox-in-snow.png",
            "recipes/1.json",
            "pictures/2-雪地里的狐狸.png",
            "recipes/2.json",
        ]
        assert json.loads(archive.read("fox.ipynb"))["cells"][0]["id"] == "cell-0"


def test_a_bundle_comes_back_as_a_notebook_with_its_history(studio: Session, other: Session, tmp_path: Path) -> None:
    """Beside the notebook in use, whose own history stays as it is."""
    came = other.history.import_from(bundled(studio, tmp_path))
    folder = tmp_path / "other"
    assert came.notebook == folder / "fox.ipynb"
    assert str(came).endswith(f"notebook: {folder / 'fox.ipynb'}")
    assert came.notebook.read_bytes() == (tmp_path / "fox.ipynb").read_bytes()
    store = Store(folder / "fox.now")
    assert store.is_own
    assert [one.request.prompt for one in store.records()] == ["a red fox / in <snow>", "雪地里的狐狸"]
    assert [one.sha256 for one in store.records()[1].outputs] == [studio.history["#2"].pictures[0].sha256]
    assert len(other.history) == 1


def test_nothing_is_replaced(studio: Session, other: Session, tmp_path: Path) -> None:
    """A notebook of that name, or a history, makes it take the next one."""
    path = bundled(studio, tmp_path)
    folder = tmp_path / "other"
    (folder / "fox.ipynb").write_text("mine")
    (folder / "fox-2.now").mkdir()
    assert other.history.import_from(path).notebook == folder / "fox-3.ipynb"
    assert (folder / "fox.ipynb").read_text() == "mine"
    assert not list((folder / "fox-2.now").iterdir())
    again = other.history.import_from(path)  # the one that is there as it came goes on
    assert (again.notebook, again.new, again.already) == (folder / "fox-3.ipynb", (), 2)
    with (folder / "fox-3.ipynb").open("ab") as file:
        file.write(b"\n")
    assert other.history.import_from(path).notebook == folder / "fox-4.ipynb"


def test_a_colleague_who_runs_the_notebook_is_served(tmp_path: Path) -> None:
    """The pictures that came along answer its cells; nothing is bought."""
    with relay_on_loopback() as served:
        (tmp_path / "a").mkdir()
        with new_session(tmp_path / "a", served.url) as session:
            made = session.generate("a fox")
            notebook = saved(tmp_path / "a" / "fox.ipynb", ("%%nowimage\na fox", [output_of(made)]))
            path = session.history.bundle(tmp_path / "for-you.zip", notebook).path
        (tmp_path / "b").mkdir()
        with new_session(tmp_path / "b") as session:
            written = session.history.import_from(path).notebook
        environ = {"JPY_SESSION_NAME": str(written)}
        with new_session(tmp_path / "b", served.url, environ=environ) as session:
            again = session.generate("a fox")
            assert (again.id, again.origin) == (made.id, "history")
            assert caption_of(again).splitlines()[-1] == "from history #1 · from for-you.zip#1 · nothing spent"
            assert [one.sha256 for one in again.pictures] == [one.sha256 for one in made.pictures]
        assert served.posts == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../evil.ipynb", "/abs.ipynb", "a/b.ipynb"])
def test_a_notebook_elsewhere_in_a_zip_is_no_bundle(name: str, studio: Session, other: Session, tmp_path: Path) -> None:
    """Only one at the top is; others are not written anywhere."""
    path = studio.history.export(tmp_path / "x.zip", "#2").path
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "{}")
    came = other.history.import_from(path)
    assert (came.notebook, len(came.new)) == (None, 1)
    assert not list(tmp_path.rglob("*.ipynb"))


def test_odd_names_of_notebooks_are_made_safe(studio: Session, other: Session, tmp_path: Path) -> None:
    """Controls, blanks and devices."""
    path = studio.history.export(tmp_path / "x.zip", "#2").path
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("..con\x1b[31m fox:.ipynb", "{}")
    came = other.history.import_from(path)
    assert came.notebook is not None
    assert came.notebook.name == "con-31m-fox.ipynb"
    assert came.notebook.parent == tmp_path / "other"


def test_without_a_saved_notebook_nothing_is_bundled(studio: Session, tmp_path: Path) -> None:
    """What can be done instead is said."""
    for notebook in (None, tmp_path / "gone.ipynb", tmp_path / "x.py"):
        with pytest.raises(InputError, match="no saved notebook"):
            studio.history.bundle(tmp_path / "b.zip", notebook)
    (tmp_path / "bad.ipynb").write_text("{")
    with pytest.raises(InputError, match="no notebook that can be read"):
        studio.history.bundle(tmp_path / "b.zip", tmp_path / "bad.ipynb")
    assert not (tmp_path / "b.zip").exists()


def test_a_notebook_without_pictures_is_bundled_alone(other: Session, tmp_path: Path) -> None:
    """It is a notebook still."""
    notebook = saved(tmp_path / "plain.ipynb", ("1 + 1", []))
    exported = other.history.bundle(tmp_path / "b.zip", notebook)
    assert exported.count == 0
    with zipfile.ZipFile(exported.path) as archive:
        assert archive.namelist() == ["plain.ipynb"]
    assert other.history.import_from(exported.path).notebook == tmp_path / "other" / "plain.ipynb"
