"""`history.export`: folder, zip and page; names, sizes, types; what stays in a file and what is left out."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from drawing import encoded, signed, texture, with_xmp
from kept_pictures import history_in, keep_picture
from now_jupyter._json import digest
from now_jupyter._media import copy_to_share, extract, labels_in, media_type
from now_jupyter._messages import InputError
from now_jupyter._session import Session
from now_jupyter._sharing._names import FreeNames, NameTemplate

MADE = {"prompt": "a fox", "model": "m", "params": {}}


def names_in(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_has_readable_names_and_the_recipes_beside(studio: Session, tmp_path: Path) -> None:
    """Pictures at the top; what another history needs in a folder of its own."""
    exported = studio.history.export(tmp_path / "out")
    assert (exported.path, exported.count, exported.notes) == (tmp_path / "out", 4, ())
    sha256 = studio.history["#1"].pictures[1].sha256
    assert files_in(tmp_path / "out") == [
        "1.1-red-fox-in-snow.png",
        "1.2-red-fox-in-snow.png",
        "2-雪地里的狐狸.png",
        "3-at-night.png",
        "recipes/1.json",
        "recipes/2.json",
        "recipes/3.json",
        f"recipes/inputs/{sha256}.png",
    ]
    made = extract((tmp_path / "out" / "3-at-night.png").read_bytes())
    assert made is not None
    assert made["prompt"] == "at night"
    assert made["inputs"] == [{"role": "picture", "id": sha256, "sha256": sha256}]


def test_a_recipe_holds_nothing_of_this_relay_and_kernel(studio: Session, tmp_path: Path) -> None:
    """No host, task, kernel or raw state goes out with a picture."""
    studio.history.export(tmp_path / "out")
    recipe = json.loads((tmp_path / "out" / "recipes" / "3.json").read_text("utf-8"))
    private = {"kernel", "execution", "idempotency_key", "relay", "state", "memo", "charge", "attempts", "buttons"}
    assert private.isdisjoint(recipe["record"])
    assert "origin" not in recipe["record"]["request"]["inputs"][0]


def test_what_is_there_stays(studio: Session, tmp_path: Path) -> None:
    """The same export again adds nothing; other files of the same names are left alone, and zips get the next name."""
    studio.history.export(tmp_path / "out", "#2")
    before = files_in(tmp_path / "out")
    studio.history.export(tmp_path / "out", "#2")
    assert files_in(tmp_path / "out") == before
    (tmp_path / "out" / "3-at-night.png").write_bytes(b"somebody's")
    studio.history.export(tmp_path / "out", "#3")
    assert (tmp_path / "out" / "3-at-night.png").read_bytes() == b"somebody's"
    assert (tmp_path / "out" / "3-at-night-2.png").stat().st_size > 100
    recipe = json.loads((tmp_path / "out" / "recipes" / "3.json").read_text("utf-8"))
    assert [one["file"] for one in recipe["files"].values()] == ["3-at-night-2.png"]
    paths = [studio.history.export(tmp_path / name).path.name for name in ("a.zip", "a.zip", "a.html", "a.html")]
    assert paths == ["a.zip", "a-2.zip", "a.html", "a-2.html"]
    assert not [one for one in tmp_path.rglob("*") if one.name.endswith(".part")]


def test_pictures_are_chosen_by_reference_star_and_tag(studio: Session, tmp_path: Path) -> None:
    """Single pictures, all of a number, values, and marks; each once."""
    export = studio.history.export
    g = studio.history["#1"]
    assert export(tmp_path / "a.zip", "#1.2", "#1", g.pictures[1], g, -1).count == 3
    assert names_in(export(tmp_path / "b.zip", starred=True, metadata=False).path) == ["1.2-red-fox-in-snow.png"]
    assert names_in(export(tmp_path / "c.zip", tag="cover", metadata=False).path) == ["2-雪地里的狐狸.png"]
    with pytest.raises(InputError, match="there is nothing to export"):
        export(tmp_path / "d.zip", "#2", starred=True)
    with pytest.raises(InputError, match="no #9"):
        export(tmp_path / "d.zip", "#9")
    assert not (tmp_path / "d.zip").exists()
    studio.trash("#2")
    assert export(tmp_path / "e.zip").count == 3


def test_names_are_made_of_a_template(studio: Session, tmp_path: Path) -> None:
    """All fields, with widths and dates; an empty field leaves no trace."""

    def names(template: str, *refs: str) -> list[str]:
        return names_in(studio.history.export(tmp_path / "n.zip", *refs, names=template, metadata=False).path)

    assert names("{tag}-{n:02d}") == ["01.png", "02.png", "cover-03.png", "04.png"]
    assert names("{model} {width}x{height}", "#2") == ["gpt-image-2-1024x1024.png"]
    assert names("{ref}_{seed:04d}", "#2", "#1.1") == ["2_0007.png", "1.1_.png"]
    assert names("fox", "#1", "#2") == ["fox.png", "fox-2.png", "fox-3.png"]
    (dated,) = names("{date:%Y%m%d}-{prompt}", "#2")
    assert dated.removesuffix("-雪地里的狐狸.png").isdecimal()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{foo}", r"\{foo\} is no field of a name"),
        ("{n.__class__}", "is no field of a name"),
        ("{n[0]}", "is no field of a name"),
        ("{n!r}", "is no field of a name"),
        ("{0}", "is no field of a name"),
        ("{n:0999999999d}", "cannot be written as"),
        ("{n:{width}}", "cannot be written as"),
        ("{tag:>900}", "cannot be written as"),
        ("{date:%c}", "cannot be written as"),
        ("{n", "a brace too many or too few"),
        ("../{n}", "names no file"),
        ("a\\{n}", "names no file"),
        ("x" * 500, "names no file"),
    ],
)
def test_a_wrong_template_says_what_would_be_right(
    template: str, message: str, studio: Session, tmp_path: Path
) -> None:
    """Before anything is written."""
    with pytest.raises(InputError, match=message) as caught:
        studio.history.export(tmp_path / "out", names=template)
    assert caught.value.next_step()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name", ["con", "NUL", "com1.x", "..", ".hidden", "a:b", "a\nb", "a\0b", "\u202egnp", "x" * 300, "🦊"]
)
def test_names_are_safe_on_every_file_system(name: str) -> None:
    """Devices, hidden names, separators, controls, directions and length."""
    made = FreeNames().take(NameTemplate(name.replace("{", "")).fill({"n": 1}), ".png")
    stem = made.removesuffix(".png")
    assert stem.lower().partition(".")[0] not in ("con", "nul", "com1")
    assert not set(made) & set('<>:"/\\|?*\0\n\u202e')
    assert stem
    assert stem[0] != "."
    assert len(made.encode()) <= 130


def test_names_never_collide_whatever_the_case(tmp_path: Path) -> None:
    """Upper and lower case, and characters that are the same to a file system, are one name."""
    free = FreeNames()
    assert [free.take(name, ".png") for name in ("Fox", "fox", "FOX", "fox-2", "ﬁx", "fix")] == [
        "Fox.png", "fox-2.png", "FOX-3.png", "fox-2-2.png", "ﬁx.png", "fix-2.png",
    ]  # fmt: skip


def test_clean_leaves_out_ours_and_nothing_else(studio: Session, tmp_path: Path) -> None:
    """The bytes are those that came; no recipe, no sidecar."""
    path = studio.history.export(tmp_path / "c.zip", metadata=False).path
    with zipfile.ZipFile(path) as archive:
        every = [digest(archive.read(name)) for name in archive.namelist()]
    assert every == [one.sha256 for one in studio.history[:].pictures]


def test_pictures_are_made_smaller_and_of_another_type(studio: Session, tmp_path: Path) -> None:
    """The longest side is as asked for, nothing is made larger, and each says that it was generated."""
    out = studio.history.export(tmp_path / "web", longest=640, format="webp", metadata=False)
    for path in out.path.iterdir():
        with Image.open(path) as image:
            assert (image.format, max(image.size)) == ("WEBP", 640)
        assert labels_in(path.read_bytes())[0]
    same = studio.history.export(tmp_path / "same.zip", "#2", longest=4000, format="png", metadata=False).path
    with zipfile.ZipFile(same) as archive:
        assert digest(archive.read(archive.namelist()[0])) == studio.history["#2"].pictures[0].sha256


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"longest": 4}, "4 is no length"),
        ({"longest": 1 << 20}, "is no length"),
        ({"longest": True}, "is no length"),
        ({"format": "tiff"}, "not exported as tiff"),
        ({"format": "../x"}, "not exported as"),
    ],
)
def test_wrong_sizes_and_types_are_refused(given: Any, message: str, studio: Session, tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(InputError, match=message):
        studio.history.export(tmp_path / "out.zip", **given)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x.png", "x.tar", "x.pdf", "x.ipynb", "x.now"])
def test_a_path_of_another_kind_is_refused(name: str, studio: Session, tmp_path: Path) -> None:
    """A folder of such a name would be a mistake."""
    with pytest.raises(InputError, match="no folder, zip or page"):
        studio.history.export(tmp_path / name)
    with pytest.raises(InputError, match="no path"):
        studio.history.export("a\0b")


def test_a_place_that_cannot_be_written_is_told(studio: Session, tmp_path: Path) -> None:
    """A file where a folder should be; nothing is left behind."""
    (tmp_path / "file").write_bytes(b"")
    for target in ("file/x.zip", "file/x", "file/x.html"):
        with pytest.raises(InputError, match="was not written"):
            studio.history.export(tmp_path / target)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_labels_profiles_and_words_of_others_stay(kind: str) -> None:
    """Through another size and type: IPTC's type, China's label, the colour profile."""
    aigc = '{"Label":"1","ContentProducer":"x"}'.replace('"', "&quot;")
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" '
        f'TC260:AIGC="{aigc}"/></rdf:RDF></x:xmpmeta>'
    )
    data = with_xmp(kind, packet)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profiled = encoded(texture(61, 41), kind, icc_profile=profile)
    for wanted in (".png", ".jpg", ".webp"):
        for metadata in (True, False):
            copy = copy_to_share(data, made=MADE, metadata=metadata, longest=30, wanted=media_type(wanted))
            assert labels_in(copy.data) == ("trainedAlgorithmicMedia", aigc)
            assert (extract(copy.data) == MADE) == metadata
        copy = copy_to_share(profiled, made=MADE, metadata=False, longest=30, wanted=media_type(wanted))
        with Image.open(io.BytesIO(copy.data)) as image:
            assert image.info["icc_profile"] == profile
            assert max(image.size) == 30


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_signature_stays_or_its_loss_is_told(kind: str, tmp_path: Path) -> None:
    """A signed file goes out byte for byte with its recipe beside it; another type says once what was lost."""
    store, history = history_in(tmp_path / "s.now")
    for prompt in ("one", "two"):
        keep_picture(store, signed(kind), prompt)
    exported = history.export(tmp_path / "out")
    signed_files = [one for one in files_in(tmp_path / "out") if not one.endswith(".json")]
    assert all((tmp_path / "out" / one).read_bytes() == signed(kind) for one in signed_files)
    assert {f"{one}.now.json" for one in signed_files} < set(files_in(tmp_path / "out"))
    assert exported.notes == ()
    other = {"PNG": "webp", "JPEG": "png", "WEBP": "jpeg"}[kind]
    (note,) = history.export(tmp_path / "other.zip", format=other).notes
    assert note.startswith("#1, #2: labelled as generated, but without their signature (C2PA)")


def test_what_is_gone_is_told_and_the_rest_is_exported(studio: Session, tmp_path: Path) -> None:
    """A file that was deleted or changed fails nothing."""
    studio.history["#2"].pictures[0].path.unlink()
    studio.history["#3"].pictures[0].path.write_bytes(b"\x89PNG\r\n\x1a\n changed")
    exported = studio.history.export(tmp_path / "x.zip")
    assert exported.count == 2
    assert exported.notes == ("#2, #3: not exported, their files are gone, changed or too large",)
    assert "recipes/2.json" not in names_in(exported.path)


def test_a_moving_picture_is_exported_as_it_came(tmp_path: Path) -> None:
    """No other size or type would move."""
    target = io.BytesIO()
    frames = [texture(40, 30, seed) for seed in (1, 2)]
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:])
    copy = copy_to_share(target.getvalue(), made=MADE, metadata=False, longest=16, wanted=media_type(".webp"))
    assert (copy.data, copy.is_same, copy.lost) == (target.getvalue(), True, "type")


def test_the_panel_gets_a_zip_in_memory(studio: Session) -> None:
    """The same zip, for the browser to save."""
    data = studio.history.export_to_bytes("#1.1", "#2")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == [
            "1.1-red-fox-in-snow.png", "recipes/1.json", "2-雪地里的狐狸.png", "recipes/2.json",
        ]  # fmt: skip
        assert archive.testzip() is None
