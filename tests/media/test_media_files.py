"""Files are read only unchanged, and copies are saved as asked."""

from __future__ import annotations

import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from PIL import Image

from demo_calls import opened
from drawing import TYPES, encoded, far_apart, texture
from now_jupyter import _media
from now_jupyter._json import digest
from now_jupyter._media import _files, _provenance
from now_jupyter._messages import BadImageError, InputError


# reading the history's files
def test_an_unchanged_file_is_read(tmp_path: Path) -> None:
    """The bytes come back as they were received."""
    data = encoded(texture())
    path = tmp_path / "x.png"
    path.write_bytes(data)
    assert _media.read_verified(path, digest(data)) == data


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "is gone"),
        ("behind a file", "is gone"),
        ("changed", "no longer the picture"),
        ("link", "no plain file"),
        ("link without a flag for it", "no plain file"),
        ("pipe", "no plain file"),
        ("folder", "no plain file"),
        ("huge", "64 MiB"),
        ("nul", "no plain file"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(
    kind: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, changed, linked, endless or huge: refused at once, with the place where it was."""
    data = encoded(texture())
    path = tmp_path / "x.png"
    original = tmp_path / "original"
    original.write_bytes(data)
    match kind:
        case "behind a file":
            path = original / "x.png"
        case "changed":
            path.write_bytes(data + b"!")
        case "link":
            path.symlink_to(original)
        case "link without a flag for it":
            monkeypatch.delattr(os, "O_NOFOLLOW")
            path.symlink_to(original)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "huge":
            path.touch()
            os.truncate(path, _files.MOST_BYTES + 1)
        case "nul":
            path = tmp_path / "x\0.png"
    with pytest.raises(BadImageError) as caught:
        _media.read_verified(path, digest(data))
    assert words in caught.value.message()
    assert path.name.replace("\0", "") in caught.value.message()
    assert caught.value.__context__ is None


def test_refusing_a_file_leaves_nothing_open(tmp_path: Path) -> None:
    """A refused folder or pipe does not leak its handle."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(BadImageError):
            _media.read_verified(tmp_path, "")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# copies
def saved(data: bytes, path: Path | str, made: Any = None, **how: Any) -> Path:
    return _media.save_copy(data, path, name="12-abc", made=made, **how)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("", "12-abc.png"),
        ("new/folder/", "new/folder/12-abc.png"),
        ("fox", "fox.png"),
        ("fox.v2", "fox.v2.png"),
        ("狐狸.PNG", "狐狸.PNG"),
        ("a/b/fox.png", "a/b/fox.png"),
    ],
)
def test_a_copy_goes_where_it_was_asked(asked: str, wanted: str, tmp_path: Path) -> None:
    """A folder gets the picture's own name, a name without suffix the right one; folders are made on the way."""
    data = encoded(texture())
    path = saved(data, f"{tmp_path}/{asked}")
    assert path == tmp_path / wanted
    assert path.read_bytes() == data


def test_a_copy_overwrites_nothing_unasked(tmp_path: Path) -> None:
    """It gets the next free name; the same copy again is there already; asked to, it replaces the file whole."""
    first, second = encoded(texture()), encoded(texture(seed=5))
    for data, name in ((first, "fox.png"), (second, "fox-2.png"), (first, "fox.png"), (second, "fox-2.png")):
        assert saved(data, tmp_path / "fox.png") == tmp_path / name
        assert (tmp_path / name).read_bytes() == data
    assert saved(second, tmp_path / "fox.png", overwrite=True) == tmp_path / "fox.png"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"fox.png": second, "fox-2.png": second}


def test_copies_made_at_once_get_a_name_each(tmp_path: Path) -> None:
    """Many threads, one name."""
    datas, start = [encoded(texture(seed=seed)) for seed in range(6)], Barrier(6)

    def save(data: bytes) -> Path:
        start.wait()
        return saved(data, tmp_path / "fox.png")

    with ThreadPoolExecutor(6) as threads:
        paths = list(threads.map(save, datas))
    assert [path.read_bytes() for path in paths] == datas
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)


def test_several_copies_have_their_place_in_the_name(tmp_path: Path) -> None:
    """Whatever suffix was asked for, also none; where it cannot be had, the file's own is taken if that may be."""
    data = encoded(texture())
    for asked, wanted in (("fox.png", "fox-3.png"), ("fox", "fox-3.png"), ("fox.tiff", "fox-3.png")):
        path = saved(data, tmp_path / asked, place=3, strict=False)
        assert path == tmp_path / wanted


def test_a_copy_follows_the_umask(tmp_path: Path) -> None:
    """A copy is the user's own file, as readable as others of theirs."""
    before = os.umask(0o027)
    try:
        path = saved(encoded(texture()), tmp_path / "x.png")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp"])
@pytest.mark.parametrize("kind", TYPES)
def test_another_suffix_converts(kind: str, suffix: str, tmp_path: Path) -> None:
    """The file is what its suffix says; the same type is copied byte for byte."""
    data = encoded(texture(), kind)
    path = saved(data, tmp_path / f"x{suffix}")
    same = TYPES[kind] == _media.examine(path).mime
    assert _media.examine(path).mime == {".jpg": "image/jpeg", ".jpeg": "image/jpeg"}.get(suffix, f"image/{suffix[1:]}")
    assert (path.read_bytes() == data) == same
    assert far_apart(_media.decode(path.read_bytes()), texture()) < 8


def test_a_clear_picture_gets_white_ground_as_jpeg(tmp_path: Path) -> None:
    """JPEG has no alpha: what shows through becomes white, not black."""
    path = saved(encoded(Image.new("RGBA", (20, 20), (0, 0, 0, 0))), tmp_path / "x.jpg")
    assert opened(path.read_bytes()).getpixel((10, 10)) == (255, 255, 255)


def test_how_it_was_made_goes_along(tmp_path: Path) -> None:
    """With `made` the copy tells how it was made, converted or not; without it nothing is added."""
    data, made = encoded(texture()), {"prompt": "a fox"}
    for name in ("x.png", "x.jpg", "x.webp"):
        path = saved(data, tmp_path / name, made)
        assert _provenance.extract(path.read_bytes()) == made
    assert saved(data, tmp_path / "y.png").read_bytes() == data


@pytest.mark.parametrize("suffix", [".gif", ".PDF", ".tiff", ".svg"])
def test_a_suffix_of_another_type_is_refused(suffix: str, tmp_path: Path) -> None:
    """A type that pictures are not saved as is an error that names the ones they are."""
    with pytest.raises(InputError) as caught:
        saved(encoded(texture()), tmp_path / f"x{suffix}")
    assert suffix.lower() in caught.value.message()
    assert ".webp" in caught.value.next_step()
    assert not list(tmp_path.iterdir())


def test_a_name_cannot_leave_its_folder(tmp_path: Path) -> None:
    """The name given for a folder stays within it."""
    (tmp_path / "in").mkdir()
    path = _media.save_copy(encoded(texture()), tmp_path / "in", name="../../../evil", made=None)
    assert path.parent == tmp_path / "in"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("file in the way", "a part of its path is a file"),
        ("long", "File name too long"),
        ("nul", "no path"),
        ("nobody", "no path"),
        ("pipe", "no plain file"),
        ("full", "File too large"),
    ],
)
def test_a_path_that_cannot_be_written_says_why(kind: str, words: str, tmp_path: Path) -> None:
    """Every failure of the disk is an InputError with the reason, and leaves no parts behind."""
    path: Path | str = tmp_path / "x.png"
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    match kind:
        case "file in the way":
            (tmp_path / "f").touch()
            path = tmp_path / "f" / "x.png"
        case "long":
            path = tmp_path / ("x" * 300)
        case "nul":
            path = tmp_path / "x\0.png"
        case "nobody":
            path = "~nobody-of-that-name/x.png"
        case "pipe":
            os.mkfifo(tmp_path / "x.png")
        case "full":
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        if kind != "full":
            with pytest.raises(InputError, match=words):  # and is known to be so before anything is paid for
                _media.place_to_save(path)
        with pytest.raises(InputError) as caught:
            saved(encoded(texture()), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert words in caught.value.message()
    assert caught.value.__context__ is None
    assert not [one for one in tmp_path.iterdir() if one.name.endswith(".part")]
