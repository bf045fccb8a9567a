"""Zips and folders that mean harm write nothing outside, fill no disk, replace nothing, and never hang."""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import stat
import struct
import time
import warnings
import zipfile
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from drawing import chunk, encoded, spliced, texture
from kept_pictures import history_in, keep_picture
from now_jupyter._history import History
from now_jupyter._json import digest
from now_jupyter._media import extract
from now_jupyter._messages import InputError, StoreFull
from now_jupyter._store import Store

PNG = encoded(texture(61, 41))
SECRET = b"root:x:0:0"
Files = dict[str, bytes]


@pytest.fixture
def export(tmp_path: Path) -> Files:
    """The files of a good export of one picture, `fox.png`."""
    store, history = history_in(tmp_path / "theirs.now")
    keep_picture(store, PNG)
    path = history.export(tmp_path / "good.zip", names="fox").path
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    shutil.rmtree(tmp_path / "theirs.now")
    path.unlink()
    assert set(files) == {"fox.png", "recipes/1.json"}
    return files


@pytest.fixture
def mine(tmp_path: Path) -> tuple[Store, History]:
    folder = tmp_path / "work"
    folder.mkdir()
    return history_in(folder / "mine.now")


def packed(path: Path, files: Files, *more: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, data in [*files.items(), *more]:
            archive.writestr(name, data)
    return path


def renamed(files: Files, name: str, data: bytes | None = None) -> Files:
    """The export with its picture under another name, of which the recipe tells."""
    recipe = json.loads(files["recipes/1.json"])
    (sent,) = recipe["files"].values()
    sent["file"] = name
    if data is not None:
        sent["sha256"] = recipe["record"]["outputs"][0]["sha256"] = digest(data)
    return {name: files["fox.png"] if data is None else data, "recipes/1.json": json.dumps(recipe).encode()}


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "mine.now" not in path.parts}


@pytest.mark.parametrize(
    "name",
    [
        "../fox.png",
        "../../../../../../tmp/now-slipped.png",
        "/tmp/now-slipped.png",
        "C:\\now-slipped.png",
        "\\\\host\\share\\fox.png",
        "a/../../fox.png",
        "a\nb\x07\x1b[31m.png",
        "con.png",
        "x" * 900 + ".png",
        "pictures/" * 30 + "fox.png",
    ],
)
def test_a_name_in_a_zip_is_never_a_place(
    name: str, export: Files, mine: tuple[Store, History], tmp_path: Path
) -> None:
    """What is read under it is kept under a name of our own, or not at all; nothing appears anywhere else."""
    store, history = mine
    path = packed(tmp_path / "x.zip", renamed(export, name))
    before = everything(tmp_path)
    came = history.import_from(path)
    assert [one.outputs[0].path.name for one in came.new] in (["1-fox.png"], [])
    assert len(came.new) + len(came.refused) == 1
    assert everything(tmp_path) == before
    assert not Path("/tmp/now-slipped.png").exists()
    assert {one.name for one in store.pictures.iterdir()} <= {"1-fox.png"}
    assert all(line.isprintable() for line in str(came).splitlines())


def test_a_link_in_a_zip_is_refused(export: Files, mine: tuple[Store, History], tmp_path: Path) -> None:
    """Neither followed nor made."""
    (tmp_path / "secret").write_bytes(SECRET)
    link = zipfile.ZipInfo("fox.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    files = {"recipes/1.json": renamed(export, "fox.png", SECRET)["recipes/1.json"]}
    came = mine[1].import_from(packed(tmp_path / "x.zip", files, (link, b"../secret")))
    assert came.new == ()
    assert "is a link" in came.refused[0]


def test_links_in_a_folder_are_refused(export: Files, mine: tuple[Store, History], tmp_path: Path) -> None:
    """A picture, a folder of pictures and the recipes themselves: nothing outside of the folder is read."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "fox.png").write_bytes(export["fox.png"])
    for number, (name, target) in enumerate((("fox.png", "fox.png"), ("a/fox.png", ""), ("../outside/fox.png", None))):
        folder = tmp_path / f"export-{number}"
        (folder / "recipes").mkdir(parents=True)
        (folder / "recipes" / "1.json").write_bytes(renamed(export, name)["recipes/1.json"])
        if target is not None:
            (folder / name.partition("/")[0]).symlink_to(outside / target)
        came = mine[1].import_from(folder)
        assert (came.new, len(came.refused)) == ((), 1)
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "recipes").symlink_to(tmp_path / "export-0" / "recipes")
    with pytest.raises(InputError, match="no recipes"):
        mine[1].import_from(linked)


def test_a_name_that_is_there_twice_is_refused(export: Files, mine: tuple[Store, History], tmp_path: Path) -> None:
    """Which of the two a reader takes is anyone's guess."""
    came = mine[1].import_from(packed(tmp_path / "x.zip", export, ("fox.png", b"another")))
    assert came.new == ()
    assert "is in the zip twice" in came.refused[0]
    with pytest.raises(InputError, match="no recipes"):
        mine[1].import_from(packed(tmp_path / "y.zip", export, ("recipes/1.json", b"{}")))


def test_an_encrypted_zip_is_told(export: Files, mine: tuple[Store, History], tmp_path: Path) -> None:
    """No password is asked for."""
    path = packed(tmp_path / "x.zip", export)
    data = bytearray(path.read_bytes())
    for sign, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(sign)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(sign, at + 4)
    path.write_bytes(data)
    came = mine[1].import_from(path)
    assert came.new == ()
    assert "is encrypted" in came.refused[0]


def test_a_zip_in_a_zip_is_no_picture(export: Files, mine: tuple[Store, History], tmp_path: Path) -> None:
    """It is not opened, whatever its recipe says."""
    inner = packed(tmp_path / "inner.zip", export).read_bytes()
    came = mine[1].import_from(packed(tmp_path / "x.zip", renamed(export, "fox.png", inner)))
    assert came.new == ()
    assert len(came.refused) == 1


@pytest.mark.slow
def test_a_file_that_unpacks_to_too_much_is_not_unpacked(
    export: Files, mine: tuple[Store, History], tmp_path: Path
) -> None:
    """By what its entry says, before a byte of it is read."""
    files = {**renamed(export, "fox.png"), "fox.png": bytes(300 << 20)}
    path = packed(tmp_path / "x.zip", files)
    assert path.stat().st_size < 1 << 20
    started = time.process_time()
    came = mine[1].import_from(path)
    assert time.process_time() - started < 1
    assert "is larger than 64 MiB" in came.refused[0]


@pytest.mark.slow
def test_many_files_together_unpack_to_no_more_than_a_zip_allows_for(
    export: Files, mine: tuple[Store, History], tmp_path: Path
) -> None:
    """Each is small enough, all together are not: what is beyond is not read."""
    bitmap = b"BM" + bytes(12) + b"\x28\0\0\0" + bytes(60 << 20)
    recipe = json.loads(renamed(export, "0.bmp", bitmap)["recipes/1.json"])
    recipe["record"]["outputs"] = [
        {**recipe["record"]["outputs"][0], "key": str(place), "number": place + 1} for place in range(6)
    ]
    recipe["files"] = {str(place): {"file": f"{place}.bmp", "sha256": digest(bitmap)} for place in range(6)}
    files = {f"{place}.bmp": bitmap for place in range(6)}
    came = mine[1].import_from(packed(tmp_path / "x.zip", {**files, "recipes/1.json": json.dumps(recipe).encode()}))
    assert sum("much more than it can honestly hold" in one for one in came.refused) == len(came.refused) == 5
    assert sum(one.stat().st_size for one in mine[0].folder.rglob("*")) < 64 << 20


@pytest.mark.slow
def test_a_size_that_lies_is_found_while_unpacking(export: Files, mine: tuple[Store, History], tmp_path: Path) -> None:
    """The directory says ten bytes, the data gives a hundred million: it is read as far as it was announced."""
    files = {**renamed(export, "fox.png"), "fox.png": bytes(100_000_000)}
    path = packed(tmp_path / "x.zip", files)
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\1\2")
    struct.pack_into("<I", data, at + 24, 10)
    path.write_bytes(data)
    came = mine[1].import_from(path)
    assert (came.new, len(came.refused)) == ((), 1)


@functools.cache
def crowd() -> bytes:
    """Zip a hundred thousand empty files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(str(number)), b"")
    return target.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("lie", ["none", "count", "count64"])
def test_a_hundred_thousand_files_are_refused_by_the_directory(
    lie: str, export: Files, mine: tuple[Store, History], tmp_path: Path
) -> None:
    """Whatever it says of their number: its size is measured before it is read."""
    path = tmp_path / "x.zip"
    data = bytearray(crowd())
    end = data.rfind(b"PK\5\6")
    if lie == "count":
        struct.pack_into("<HH", data, end + 8, 1, 1)
    if lie == "count64":
        struct.pack_into("<QQ", data, data.rfind(b"PK\6\6") + 24, 1, 1)
    path.write_bytes(data)
    started = time.process_time()
    with pytest.raises(InputError, match="more than 20000 files"):
        mine[1].import_from(path)
    assert time.process_time() - started < 0.5


@pytest.mark.slow
def test_a_folder_of_too_many_files_is_refused(mine: tuple[Store, History], tmp_path: Path) -> None:
    """A home folder was meant for something else."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(20_001):
        (folder / str(number)).touch()
    with pytest.raises(InputError, match="more than 20000 files"):
        mine[1].import_from(folder)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_packing_is_refused(method: int, export: Files, mine: tuple[Store, History], tmp_path: Path) -> None:
    """Whose cost nobody knows beforehand."""
    odd = zipfile.ZipInfo("fox.png")
    odd.compress_type = method
    path = packed(tmp_path / "x.zip", {"recipes/1.json": export["recipes/1.json"]}, (odd, export["fox.png"]))
    assert "packed in an unusual way" in mine[1].import_from(path).refused[0]


def test_a_zip_of_a_zip_bomb_of_recipes_is_refused(mine: tuple[Store, History], tmp_path: Path) -> None:
    """A recipe of gigabytes, one that is nested without end, one of a million values: each is named and left."""
    files = {
        "recipes/1.json": b" " * (9 << 20),
        "recipes/2.json": b'{"now_recipe":1,"record":' + b"[" * 200_000,
        "recipes/3.json": b'{"now_recipe":1,"record":[' + b"0," * 1_000_000 + b"0]}",
        "recipes/4.json": b'{"now_recipe":99}',
        "recipes/5.json": b"\xff\xfe",
    }
    started = time.process_time()
    came = mine[1].import_from(packed(tmp_path / "x.zip", files))
    assert time.process_time() - started < 2
    assert [one.partition(":")[0] for one in came.refused] == list(files)


def test_a_full_disk_is_told_before_anything_is_written(
    export: Files, mine: tuple[Store, History], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left free is left free."""
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as the system gives it
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(1 << 30, 1 << 30, 1 << 20))
    with pytest.raises(StoreFull, match="MiB are free"):
        mine[1].import_from(packed(tmp_path / "x.zip", export))
    assert not list((mine[0].folder / "jobs").glob("*.json"))
    assert not list(mine[0].pictures.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are none")
def test_a_pipe_is_no_zip(mine: tuple[Store, History], tmp_path: Path) -> None:
    """Nobody waits for its other end."""
    os.mkfifo(tmp_path / "x.zip")
    with pytest.raises(InputError, match="no plain file"):
        mine[1].import_from(tmp_path / "x.zip")


def test_a_zip_that_is_cut_or_spoilt_anywhere_never_raises_anything_else(
    export: Files, mine: tuple[Store, History], tmp_path: Path
) -> None:
    """Every byte may be another: it is taken in whole, or told."""
    whole = packed(tmp_path / "x.zip", export).read_bytes()
    for at in range(0, len(whole), 97):
        for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            (tmp_path / "x.zip").write_bytes(data)
            try:
                came = mine[1].import_from(tmp_path / "x.zip")
            except InputError:
                continue
            assert all(one.outputs[0].bytes() for one in came.new)
    assert len(mine[1]) <= 1
    assert all(one.read_bytes() == PNG for one in mine[0].pictures.iterdir())


@pytest.mark.slow
def test_a_text_of_a_hundred_megabytes_in_a_picture_costs_nothing(
    export: Files, mine: tuple[Store, History], tmp_path: Path
) -> None:
    """It is neither read nor kept nor waited for."""
    heavy = spliced(PNG, chunk(b"tEXt", b"parameters\0" + bytes(100 << 20)))
    started = time.process_time()
    assert extract(heavy) is None
    came = mine[1].import_from(packed(tmp_path / "x.zip", renamed(export, "fox.png", heavy)))
    assert "is larger than 64 MiB" in came.refused[0]
    assert time.process_time() - started < 5


def test_a_packet_full_of_our_marks_is_taken_apart_at_once() -> None:
    """Thousands of labels without an end cost one look."""
    from now_jupyter._media import restore_original

    start = '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    target = io.BytesIO()
    texture(20, 20).save(target, "WEBP", xmp=(start * 9000 + "</rdf:RDF>").encode())
    started = time.process_time()
    assert restore_original(target.getvalue(), "ab" * 32) is None
    assert time.process_time() - started < 1


def test_words_of_a_recipe_are_bounded_and_plain(export: Files, mine: tuple[Store, History], tmp_path: Path) -> None:
    """What a recipe says of itself becomes a record like any other: cut and without controls."""
    recipe: Any = json.loads(export["recipes/1.json"])
    recipe["record"] |= {"model": "m\x1b[31m" * 500, "tags": ["t" * 900] * 900, "taken_from": "\u202e", "cost": None}
    recipe["record"]["number"] = 10**18
    files = {"fox.png": export["fox.png"], "recipes/1.json": json.dumps(recipe).encode()}
    (made,) = mine[1].import_from(packed(tmp_path / "x.zip", files)).new
    assert len(made.model) <= 200
    assert made.model.isprintable()
    assert max(map(len, made.tags)) <= 100
    assert made.ref == "#1"
