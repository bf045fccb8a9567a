"""A notebook that came without its history: its previews become pictures until the originals come."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from clean_room import ROOT
from drawing import encoded, texture
from kept_pictures import history_in
from now_jupyter._bundles import bundle_of, bundle_of_output
from now_jupyter._display._display import caption_of
from now_jupyter._ipython._now import NowCommands
from now_jupyter._session import Session
from now_jupyter._values import Generation, Output, Request
from relays import new_session, relay_on_loopback


def output_of(value: Generation | Output) -> dict[str, Any]:
    bundle = bundle_of if isinstance(value, Generation) else bundle_of_output
    data, metadata = bundle(value)  # type: ignore[operator]
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def caption(value: Generation) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/plain": caption_of(value)}, "metadata": {}}


def saved(path: Path, *cells: tuple[str, list[dict[str, Any]]]) -> Path:
    form = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {"cell_type": "code", "id": f"cell-{place}", "source": source.splitlines(keepends=True),
             "metadata": {}, "execution_count": None, "outputs": outputs}
            for place, (source, outputs) in enumerate(cells)
        ],
    }  # fmt: skip
    path.write_text(json.dumps(form), "utf-8")
    return path


def notebook_of(session: Session, path: Path) -> Path:
    one, two, three = (session.history[ref] for ref in ("#1", "#2", "#3"))
    return saved(
        path,
        ("%%nowimage -n 2 --size 16:9\na red fox / in <snow>", [output_of(one), caption(one)]),
        ("x = %nowimage --seed {seed} 雪地里的{animal}", [output_of(two), caption(two)]),
        ("nj.history['#1'].pictures[1]", [output_of(one.pictures[1])]),
        ("g", [output_of(three.pictures[0])]),
        ("print(1)", [{"output_type": "stream", "name": "stdout", "text": "#12 · 1 s"}]),
    )


def test_what_a_notebook_shows_is_recovered(studio: Session, tmp_path: Path) -> None:
    """Every generation once, a single picture with its own; request, model, number and demo as far as they are told."""
    notebook = notebook_of(studio, tmp_path / "fox.ipynb")
    _store, history = history_in(tmp_path / "fresh.now")
    came = history.import_from(notebook)
    assert [one.taken_from for one in came.new] == ["fox.ipynb#1", "fox.ipynb#2", "fox.ipynb"]
    first, second, third = history
    assert first.id == studio.history["#1"].id
    assert first.request == Request(prompt="a red fox / in <snow>", params={"n": 2, "size": "16:9"})
    assert (first.model, first.demo, first.request.model) == ("gpt-image-2", True, None)
    originals = tuple(one.sha256 for one in studio.history["#1"].pictures)
    assert [one.stands_for for one in first.pictures] == [originals[1:], originals]
    assert second.request.prompt == "雪地里的狐狸"  # with the value that stood in the braces
    assert "seed" not in second.request.params
    assert third.pictures[0].stands_for == (studio.history["#3"].pictures[0].sha256,)
    assert "preview only: 3" in str(came)
    assert caption_of(first).splitlines()[-1] == "#1 · from fox.ipynb#1 · demo, costs nothing · preview only"
    assert history.import_from(notebook).already == 3


def test_the_originals_take_their_place(studio: Session, tmp_path: Path) -> None:
    """When the real folder comes: the same numbers, the real bytes, and nothing of the previews left."""
    notebook = notebook_of(studio, tmp_path / "fox.ipynb")
    store, history = history_in(tmp_path / "fresh.now")
    history.import_from(notebook)
    store.mark(1, add=["*"])
    came = history.import_from(tmp_path / "mine" / "untitled.now")
    assert [one.ref for one in came.completed] == ["#1", "#2", "#3"]
    assert came.new == ()
    for ref in ("#1", "#2", "#3"):
        ours, theirs = history[ref], studio.history[ref]
        assert (ours.id, ours.prompt, ours.params) == (theirs.id, theirs.prompt, theirs.params)
        assert [one.sha256 for one in ours.pictures] == [one.sha256 for one in theirs.pictures]
        assert not any(one.stands_for for one in ours.pictures)
    assert history["#1"].starred
    assert sorted(path.name for path in store.pictures.iterdir()) == [
        "1-red-fox-in-snow.png", "1.2-red-fox-in-snow.png", "2-雪地里的狐狸.png", "3-at-night.png",
    ]  # fmt: skip
    assert history.import_from(notebook).already == 3


def test_a_part_of_the_originals_stands_beside_the_sheet(studio: Session, tmp_path: Path) -> None:
    """The sheet goes when all that it shows is here."""
    one = studio.history["#1"]
    notebook = saved(tmp_path / "fox.ipynb", ("%%nowimage -n 2\na red fox / in <snow>", [output_of(one), caption(one)]))
    _store, history = history_in(tmp_path / "fresh.now")
    history.import_from(notebook)
    history.import_from(studio.history.export(tmp_path / "second.zip", "#1.2").path)
    assert [(one.ref, bool(one.stands_for)) for one in history["#1"].pictures] == [("#1.2", False), ("#1.3", True)]
    history.import_from(studio.history.export(tmp_path / "first.zip", "#1.1").path)
    assert [(one.ref, bool(one.stands_for)) for one in history["#1"].pictures] == [("#1.1", False), ("#1.2", False)]


def test_a_cell_whose_preview_was_recovered_is_served_and_not_bought(tmp_path: Path) -> None:
    """Run All redraws what is there; nothing is sent."""
    with relay_on_loopback() as served:
        (tmp_path / "a").mkdir()
        with new_session(tmp_path / "a", served.url) as session:
            made = session.generate("a fox", size="16:9", n=1)
            notebook = saved(
                tmp_path / "fox.ipynb", ("%%nowimage --size 16:9 -n 1\na fox", [output_of(made), caption(made)])
            )
        (tmp_path / "b").mkdir()
        with new_session(tmp_path / "b", served.url) as session:
            session.history.import_from(notebook)
            again = session.generate("a fox", size="16:9", n=1)
            assert (again.id, again.origin) == (made.id, "history")
            assert caption_of(again).endswith("nothing spent · preview only")
        assert served.posts == 1


def test_the_notebook_in_use_is_recovered_without_a_path(
    studio: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`%now import`, in a notebook whose folder is missing: what it shows is here again, and orders are taken again."""
    folder = tmp_path / "got"
    folder.mkdir()
    notebook = notebook_of(studio, folder / "fox.ipynb")
    with new_session(folder, environ={"JPY_SESSION_NAME": str(notebook)}) as session:
        NowCommands(None, session).run("导入")  # type: ignore[arg-type]  # no cell is written
        assert capsys.readouterr().out.startswith("taken in: 3, as #1 (fox.ipynb#1)")
        assert session.context.home().store.folder == folder / "fox.now"
        assert len(session.history) == 3


def test_the_tutorials_previews_are_recovered(tmp_path: Path) -> None:
    """A notebook as JupyterLab has saved it."""
    shutil.copy(ROOT / "notebooks" / "01-quickstart.ipynb", tmp_path / "got.ipynb")
    _store, history = history_in(tmp_path / "fresh.now")
    came = history.import_from(tmp_path / "got.ipynb")
    assert len(came.new) == 6
    assert came.refused == ()
    assert all(picture.bytes() for one in history for picture in one.pictures)


@pytest.mark.parametrize(
    ("mark", "image"),
    [
        ({"id": "x", "sha256": ["ab" * 32]}, b"no picture"),
        ({"id": "ab" * 16, "sha256": ["ab" * 32]}, encoded(texture(8, 8))[:60]),
        ({"id": "ab" * 16, "sha256": "ab" * 32}, encoded(texture(8, 8))),
        ({"id": "ab" * 16, "sha256": ["../../x", 3, None]}, encoded(texture(8, 8))),
        ({"id": ["x"], "sha256": [["ab" * 32]]}, encoded(texture(8, 8))),
        ("now", encoded(texture(8, 8))),
        ({"sha256": ["ab" * 32] * 5000, "id": "../../x"}, b"<svg onload=alert(1)>"),
    ],
    ids=range(7),
)
def test_odd_outputs_are_left_out(mark: Any, image: bytes, tmp_path: Path) -> None:
    """A notebook comes from anyone: what is not as ours is, is none of ours; a broken picture is told."""
    data = {"image/png": base64.b64encode(image).decode(), "text/plain": "x"}
    output = {"output_type": "display_data", "data": data, "metadata": {"now": mark}}
    notebook = saved(tmp_path / "odd.ipynb", ("x", [output]))
    store, history = history_in(tmp_path / "fresh.now")
    came = history.import_from(notebook)
    assert came.new == ()
    assert not list(store.pictures.iterdir())


@pytest.mark.parametrize(
    "cell", [None, 3, {}, {"outputs": 3}, {"outputs": [3, None, {}]}, {"source": 3, "outputs": [{"metadata": 3}]}]
)
def test_odd_cells_are_left_out(cell: Any, tmp_path: Path) -> None:
    """And the others are read."""
    path = tmp_path / "odd.ipynb"
    path.write_text(json.dumps({"cells": [cell]}), "utf-8")
    _store, history = history_in(tmp_path / "fresh.now")
    assert str(history.import_from(path)) == "nothing was in it that could be taken in"
