"""`history.import_from`: what was exported comes back whole, once, under numbers of its own."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drawing import encoded, texture, with_xmp
from kept_pictures import history_in, keep_picture
from now_jupyter._history import History
from now_jupyter._ipython._reports import cell_of
from now_jupyter._json import digest
from now_jupyter._media import copy_to_share, restore_original
from now_jupyter._messages import InputError, StoreUnavailable
from now_jupyter._session import Session
from now_jupyter._store import Store
from now_jupyter._values import Input, Request, Status

MADE = {"prompt": "a fox & <b>", "model": "m", "params": {"n": 1}}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def digests(session: Session, *refs: str) -> list[list[str]]:
    return [[one.sha256 for one in session.history[ref].outputs] for ref in refs]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["x.zip", "folder"])
def test_an_export_comes_back_byte_for_byte(target: str, studio: Session, other: Session, tmp_path: Path) -> None:
    """Originals, marks, requests and inputs; numbered anew, and told where from."""
    path = studio.history.export(tmp_path / target).path
    came = other.history.import_from(path)
    assert [one.ref for one in came.new] == ["#2", "#3", "#4"]
    assert [one.taken_from for one in came.new] == [f"{target}#1", f"{target}#2", f"{target}#3"]
    assert str(came) == f"taken in: 3, as #2 ({target}#1), #3 ({target}#2), #4 ({target}#3)"
    assert digests(other, "#2", "#3", "#4") == digests(studio, "#1", "#2", "#3")
    assert [one.bytes() for one in other.history["#2"].pictures] == [
        one.bytes() for one in studio.history["#1"].pictures
    ]
    assert [one.starred for one in other.history["#2"].pictures] == [False, True]
    assert other.history["#3"].tags == ("cover",)
    assert other.history["#4"].id == studio.history["#3"].id
    assert other.history["#4"].parents == (other.history["#2"].id,)
    assert cell_of(other.history["#4"], other) == "%%nowimage --model gpt-image-2 -i #2.2\nat night"
    sha256 = other.history["#4"].request.inputs[0].sha256
    assert other.context.home().store.input_path(sha256).is_file()
    assert all(not one.is_paid_here for one in other.history.records()[1:])


def test_nothing_comes_twice(studio: Session, other: Session, tmp_path: Path) -> None:
    """By whatever way: zip, folder, the history itself, or the history in a zip."""
    for name in ("x.zip", "folder"):
        studio.history.export(tmp_path / name)
    shutil.make_archive(str(tmp_path / "whole"), "zip", studio.context.home().store.folder.parent)
    assert len(other.history.import_from(tmp_path / "x.zip").new) == 3
    before = snapshot(other.context.home().store.folder / "pictures")
    for path in (tmp_path / "x.zip", tmp_path / "folder", tmp_path / "mine" / "untitled.now", tmp_path / "whole.zip"):
        came = other.history.import_from(path)
        assert (came.new, came.completed, came.already) == ((), (), 3)
    assert snapshot(other.context.home().store.folder / "pictures") == before


def test_the_history_it_came_from_knows_its_own(studio: Session, tmp_path: Path) -> None:
    """What is taken back is there already."""
    path = studio.history.export(tmp_path / "x.zip").path
    assert studio.history.import_from(path).already == 3
    assert str(studio.history.import_from(path)) == "here already: 3"
    with pytest.raises(InputError, match="own history"):
        studio.history.import_from(studio.context.home().store.folder)


def test_a_colleagues_folder_is_taken_in_and_stays_as_it_is(studio: Session, other: Session, tmp_path: Path) -> None:
    """Without the trash, with marks; also packed into a zip as it is, below another folder."""
    studio.trash("#1.1")
    studio.trash("#2")
    theirs = tmp_path / "mine" / "untitled.now"
    before = snapshot(theirs)
    came = other.history.import_from(theirs)
    assert [one.taken_from for one in came.new] == ["untitled.now#1", "untitled.now#3"]
    assert digests(other, "#2")[0] == [studio.history["#1"].pictures[0].sha256]
    assert snapshot(theirs) == before


def test_a_history_in_a_zip_is_taken_in(studio: Session, other: Session, tmp_path: Path) -> None:
    """As somebody packs it who knows no better way: with its marks, without what is in the trash."""
    studio.trash("#1.1")
    shutil.make_archive(str(tmp_path / "whole"), "zip", tmp_path / "mine")
    came = other.history.import_from(tmp_path / "whole.zip")
    assert [one.taken_from for one in came.new] == ["whole.zip#1", "whole.zip#2", "whole.zip#3"]
    assert digests(other, "#2") == digests(studio, "#1")
    assert (other.history["#2"].starred, other.history["#3"].tags) == (True, ("cover",))


def test_single_pictures_complete_what_came_before(studio: Session, other: Session, tmp_path: Path) -> None:
    """One of two, then all: it stays one generation under one number."""
    one = studio.history.export(tmp_path / "one.zip", "#1.2").path
    every = studio.history.export(tmp_path / "every.zip", "#1").path
    other.history.import_from(one)
    assert digests(other, "#2")[0] == [studio.history["#1"].pictures[1].sha256]
    came = other.history.import_from(every)
    assert ([one.ref for one in came.completed], came.new) == (["#2"], ())
    assert digests(other, "#2") == digests(studio, "#1")
    assert [one.ref for one in other.history["#2"].pictures] == ["#2.1", "#2.2"]
    assert len(other.history) == 2


def test_a_copy_stands_in_until_the_original_comes(studio: Session, other: Session, tmp_path: Path) -> None:
    """Smaller pictures are marked; marks that were put on meanwhile stay; nothing of them is left behind."""
    small = studio.history.export(tmp_path / "small.zip", "#2", longest=64, format="webp").path
    came = other.history.import_from(small)
    assert "preview only: 1" in str(came)
    (picture,) = other.history["#2"].pictures
    assert (picture.width, picture.stands_for) == (64, (studio.history["#2"].pictures[0].sha256,))
    assert "preview only" in repr(other.history)
    other.tag("#2", "chosen")
    again = other.history.import_from(small)
    assert (again.already, again.completed) == (1, ())
    came = other.history.import_from(studio.history.export(tmp_path / "full.zip", "#2").path)
    assert [one.ref for one in came.completed] == ["#2"]
    assert digests(other, "#2") == digests(studio, "#2")
    assert set(other.history["#2"].tags) >= {"chosen"}
    assert "preview only" not in repr(other.history)
    names = [one.name for one in (other.context.home().store.pictures).iterdir()]
    assert sorted(names) == ["1-mine-alone.png", "2-雪地里的狐狸.png"]
    late = other.history.import_from(small)
    assert (late.already, late.new, late.completed) == (1, (), ())


def test_what_went_on_when_it_was_copied_is_a_part_here(tmp_path: Path) -> None:
    """Nobody here can tell what became of the rest."""
    there, _theirs = history_in(tmp_path / "a.now")
    _here, ours = history_in(tmp_path / "b.now")
    record = keep_picture(there, encoded(texture()))
    there.write(replace(record, status=Status.RUNNING))
    (made,) = ours.import_from(tmp_path / "a.now").new
    assert (made.status, ours["#1"].status) == (Status.PARTIAL, Status.PARTIAL)


def test_many_are_taken_in_without_reading_the_history_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read once, however many come."""
    there, _theirs = history_in(tmp_path / "a.now")
    here, ours = history_in(tmp_path / "b.now")
    for seed in range(12):
        keep_picture(there, encoded(texture(20, 20, seed)), str(seed))
    looks: list[Path] = []
    records = Store.records
    monkeypatch.setattr(Store, "records", lambda store: (looks.append(store.folder), records(store))[1])
    assert len(ours.import_from(tmp_path / "a.now").new) == 12
    assert looks.count(here.folder) <= 1


def test_what_was_ordered_here_is_changed_by_no_import(studio: Session, tmp_path: Path) -> None:
    """A record of this history's own stays as it is, whatever a recipe of the same id says."""
    path = studio.history.export(tmp_path / "out", "#2").path
    recipe_file = path / "recipes" / "2.json"
    recipe = json.loads(recipe_file.read_text("utf-8"))
    recipe["record"]["request"]["prompt"] = "another"
    recipe_file.write_text(json.dumps(recipe), "utf-8")
    before = studio.history.records()
    studio.history.import_from(path)
    assert studio.history.records() == before


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("like", ["plain", "labelled", "xmp", "extended"])
def test_the_original_is_got_back_from_what_was_added_to(kind: str, like: str) -> None:
    """Recipe and label are taken out again, and the digest proves that it is the file that came."""
    data = encoded(texture(61, 41), kind)
    if like == "labelled":
        data = with_xmp(kind, _packet("<q:a>trainedAlgorithmicMedia</q:a>"))
    if like == "xmp":
        data = with_xmp(kind, _packet("<q:a>b</q:a>"))
    if like == "extended" and kind == "WEBP":
        data = encoded(texture(61, 41), kind, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    shared = copy_to_share(data, made=MADE, metadata=True).data
    assert shared != data
    assert restore_original(shared, digest(data)) == data
    assert restore_original(shared, digest(b"another")) is None


def _packet(words: str) -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:q="urn:q">{words}</rdf:Description></rdf:RDF></x:xmpmeta>'
    )


def test_pictures_of_the_same_bytes_come_once(tmp_path: Path) -> None:
    """Also where another order is told for them."""
    data = encoded(texture(61, 41))
    there, theirs = history_in(tmp_path / "a.now")
    here, ours = history_in(tmp_path / "b.now")
    keep_picture(there, data)
    keep_picture(here, data, "bought here, too")
    came = ours.import_from(theirs.export(tmp_path / "x.zip").path)
    assert (came.new, came.already, len(ours)) == ((), 1, 1)


def test_what_an_order_was_given_comes_along(tmp_path: Path) -> None:
    """A file that is in no history is among the inputs, by its digest."""
    there, theirs = history_in(tmp_path / "a.now")
    here, ours = history_in(tmp_path / "b.now")
    given = encoded(texture(20, 20))
    sha256 = there.keep_input(given, mime="image/png")
    request = Request(prompt="edited", inputs=(Input(role="picture", id=sha256, sha256=sha256, mime="image/png"),))
    for seed in (1, 2):  # it comes along once
        keep_picture(there, encoded(texture(61, 41, seed)), request=request)
    ours.import_from(theirs.export(tmp_path / "x.zip").path)
    assert here.input_path(sha256).read_bytes() == given


def test_a_folder_of_somebody_else_takes_nothing_in(studio: Session, tmp_path: Path) -> None:
    """It is looked at only, until the user says so."""
    path = studio.history.export(tmp_path / "x.zip").path
    shutil.copytree(tmp_path / "mine" / "untitled.now", tmp_path / "theirs.now")
    (tmp_path / "theirs.now" / "format").write_text(json.dumps({"format": 1, "id": "ab" * 16, "notebook": ""}))
    history = History(lambda: Store(tmp_path / "theirs.now"))
    with pytest.raises(StoreUnavailable, match="looked at only"):
        history.import_from(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.zip", b"no zip at all", "is no zip"),
        ("x.zip", b"", "is no zip"),
        ("x.png", b"\x89PNG\r\n\x1a\n", "is no zip"),
        ("x.ipynb", b"{", "is no notebook"),
        ("x.ipynb", b'{"cells": 3}', "is no notebook"),
        ("x.ipynb", b"[" * 100_000, "is no notebook"),
    ],
)
def test_what_is_no_export_is_told(name: str, content: bytes, message: str, other: Session, tmp_path: Path) -> None:
    """In one sentence, with what would be right."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        other.history.import_from(tmp_path / name)


def test_what_holds_no_recipe_is_told(studio: Session, other: Session, tmp_path: Path) -> None:
    """A clean export and an empty folder give nothing to take in; a path that is not there neither."""
    clean = studio.history.export(tmp_path / "clean.zip", metadata=False).path
    (tmp_path / "empty").mkdir()
    for path in (clean, tmp_path / "empty"):
        with pytest.raises(InputError, match="no recipes"):
            other.history.import_from(path)
    with pytest.raises(InputError, match=r"gone\.zip cannot be read"):
        other.history.import_from(tmp_path / "gone.zip")


def test_one_broken_recipe_hides_no_other(studio: Session, other: Session, tmp_path: Path) -> None:
    """What is wrong is named with its reason, the rest comes."""
    path = studio.history.export(tmp_path / "out").path
    (path / "recipes" / "1.json").write_bytes(b"{")
    (path / "3-at-night.png").unlink()
    came = other.history.import_from(path)
    assert [one.prompt for one in came.new] == ["雪地里的狐狸"]
    assert [one.partition(":")[0] for one in came.refused] == ["recipes/1.json", "out/3-at-night.png"]
    assert "not taken in: 2" in str(came)


def change(path: Path, number: int, change_it: Any) -> None:
    """Change a recipe inside a zip."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    recipe = json.loads(files[f"recipes/{number}.json"])
    change_it(recipe)
    files[f"recipes/{number}.json"] = json.dumps(recipe).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def lie_about_the_original(recipe: Any) -> None:
    recipe["record"]["outputs"][0]["sha256"] = "ab" * 32


def lie_about_the_file(recipe: Any) -> None:
    next(iter(recipe["files"].values()))["sha256"] = "cd" * 32


def lie_about_the_kind(recipe: Any) -> None:
    recipe["record"]["outputs"][0]["kind"] = "video"


def lead_out(recipe: Any) -> None:
    next(iter(recipe["files"].values()))["file"] = "../../../../etc/passwd"


def drop_file(recipe: Any) -> None:
    recipe["files"] = {}


@pytest.mark.slow
@pytest.mark.parametrize("lie", [lie_about_the_original, lie_about_the_file, lie_about_the_kind, lead_out, drop_file])
def test_a_recipe_that_lies_is_refused_and_told(lie: Any, studio: Session, other: Session, tmp_path: Path) -> None:
    """Nothing of that picture is kept, and no other is lost."""
    path = studio.history.export(tmp_path / "x.zip", "#2", "#3").path
    change(path, 2, lie)
    came = other.history.import_from(path)
    assert [one.prompt for one in came.new] == ["at night"]
    assert len(came.refused) == 1
    assert sorted(one.name for one in other.context.home().store.pictures.iterdir()) == [
        "1-mine-alone.png", "2-at-night.png",
    ]  # fmt: skip
    assert not list((other.context.home().store.folder / "quarantine").iterdir())
