"""Labels of generated pictures stay: IPTC's source type, China's AIGC, and signatures (C2PA)."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import pytest
from PIL import Image

from drawing import encoded, sheet, signed, texture, with_xmp, xmp_of
from now_jupyter import _media
from now_jupyter._bundles import bundle_of, bundle_of_output
from now_jupyter._history import Selection
from now_jupyter._session import recalled_from
from now_jupyter._values import Generation, Picture, Status

TYPES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}
ROOT = "http://cv.iptc.org/newscodes/digitalsourcetype/"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
TC260 = "{http://www.tc260.org.cn/ns/AIGC/1.0/}AIGC"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
AIGC = '{"Label":"1","ContentProducer":"a & <b>","ProduceID":"7","ReservedCode1":"","ContentPropagator":""}'
NOW = datetime.now(UTC)
MADE: dict[str, Any] = {"prompt": "a fox, 狐狸", "model": "gpt-image-2", "params": {"size": "1:1"}}


def packet(*properties: str, **attributes: str) -> str:
    spaces = (
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" xmlns:q="urn:q"'
    )
    said = " ".join(f"{name.replace('__', ':')}={quoteattr(value)}" for name, value in attributes.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces} {said}>{"".join(properties)}</rdf:Description></rdf:RDF></x:xmpmeta>'
    )


LABELLED = {
    "attribute": packet(Iptc4xmpExt__DigitalSourceType=f"{ROOT}digitalArt", TC260__AIGC=AIGC),
    "element": packet(
        f"<Iptc4xmpExt:DigitalSourceType>{ROOT}digitalArt</Iptc4xmpExt:DigitalSourceType>",
        f"<TC260:AIGC>{escape(AIGC)}</TC260:AIGC>",
    ),
    "resource": packet(
        f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{ROOT}digitalArt"/>', f"<TC260:AIGC>{escape(AIGC)}</TC260:AIGC>"
    ),
}


def said_in(data: bytes, name: str) -> set[str]:
    """All that a file's XMP, which must be well-formed, says under a name."""
    found = set()
    for one in ET.fromstring(xmp_of(data)).iter():
        found |= {one.attrib[name]} if name in one.attrib else set()
        found |= {(one.text or one.attrib.get(f"{RDF}resource", "")).strip()} if one.tag == name else set()
    return found


def encoded_anew(data: bytes, folder: Path) -> list[bytes]:
    """All that is made of a picture: previews, a sheet, a part, copies as other types, with and without a recipe."""
    return [
        _media.preview(data, longest=20)[0],
        _media.preview(data)[0],
        _media.preview(data, original_if_smaller=False)[0],
        sheet([data, data])[0],
        _media.crop_picture(data, (0, 0, 0.5, 0.5)),
        *(
            _media.save_copy(data, folder / f"{bool(made)}{suffix}", name="x", made=made).read_bytes()
            for suffix in TYPES.values()
            for made in (None, MADE)
            if not (made is None and _media.media_type(suffix) is _media.identify(data))
        ),
    ]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_all_that_is_encoded_anew_says_that_it_was_generated(kind: str, mode: str, tmp_path: Path) -> None:
    """A picture that says nothing gets IPTC's source type wherever it leaves as another file, readable by Pillow."""
    image = texture(61, 41)
    if mode == "RGBA" and kind != "JPEG":
        image.putalpha(120)
    for data in encoded_anew(encoded(image, kind), tmp_path):
        assert said_in(data, IPTC) == {f"{ROOT}trainedAlgorithmicMedia"}
        assert _media.examine(data).width > 0


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("way", LABELLED)
def test_labels_of_others_stay_as_they_are(kind: str, way: str, tmp_path: Path) -> None:
    """What XMP says under IPTC and TC260, in each of its spellings, is in all that is made of a picture, once."""
    for data in encoded_anew(with_xmp(kind, LABELLED[way]), tmp_path):
        assert said_in(data, IPTC) == {f"{ROOT}digitalArt"}
        assert said_in(data, TC260) == {AIGC}


@pytest.mark.parametrize("kind", TYPES)
def test_a_label_that_stands_alone_stays_beside_ours(kind: str, tmp_path: Path) -> None:
    """A picture with China's label only keeps it, once, and gets IPTC's."""
    for data in encoded_anew(with_xmp(kind, packet(TC260__AIGC=AIGC)), tmp_path):
        assert said_in(data, IPTC) == {f"{ROOT}trainedAlgorithmicMedia"}
        assert xmp_of(data).count("AIGC=") + xmp_of(data).count("<TC260:AIGC>") == 1


@pytest.mark.parametrize("kind", TYPES)
def test_a_copy_as_another_type_keeps_the_words_of_others(kind: str, tmp_path: Path) -> None:
    """All of the XMP goes along, not the labels only; what is too long for a JPEG costs it no label."""
    for length in (10, 70_000):
        data = with_xmp(kind, packet(q__note="x" * length, TC260__AIGC=AIGC)) if length == 10 or kind != "JPEG" else b""
        for suffix in TYPES.values():
            if not data or _media.media_type(suffix) is _media.identify(data):
                continue
            copy = _media.save_copy(data, tmp_path / f"copy{suffix}", name="x", made=None).read_bytes()
            assert said_in(copy, TC260) == {AIGC}
            assert said_in(copy, "{urn:q}note") == ({"x" * length} if length == 10 or suffix != ".jpg" else set())


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        ({}, "trainedAlgorithmicMedia"),
        ({"inputs": ["#1"]}, "compositeWithTrainedAlgorithmicMedia"),
        ({"demo": True}, "algorithmicMedia"),
    ],
)
def test_a_copy_says_what_kind_of_picture_it_is(made: dict[str, Any], kind: str, tmp_path: Path) -> None:
    """What was made of other pictures is a composite; the demo's drawings were drawn by no trained model."""
    copy = _media.save_copy(encoded(texture()), tmp_path / "a.png", name="x", made={**MADE, **made})
    assert said_in(copy.read_bytes(), IPTC) == {f"{ROOT}{kind}"}


def test_a_sheet_of_different_pictures_is_a_composite() -> None:
    """A sheet says what its pictures say where they agree; where they do not, that something generated is in it."""
    drawn = with_xmp("PNG", packet(Iptc4xmpExt__DigitalSourceType=f"{ROOT}algorithmicMedia"))
    other = with_xmp("JPEG", LABELLED["element"])
    assert said_in(sheet([drawn, drawn])[0], IPTC) == {f"{ROOT}algorithmicMedia"}
    mixed = sheet([drawn, other])[0]
    assert said_in(mixed, IPTC) == {f"{ROOT}compositeWithTrainedAlgorithmicMedia"}
    assert said_in(mixed, TC260) == {AIGC}


def test_a_photo_with_something_generated_in_it_is_a_composite() -> None:
    """The photo itself says nothing of how it came about."""
    mask = Image.new("L", (96, 64), 255)
    laid = _media.lay_back(with_xmp("JPEG", LABELLED["element"]), encoded(texture()), encoded(mask))
    assert said_in(laid, IPTC) == {f"{ROOT}compositeWithTrainedAlgorithmicMedia"}


@pytest.mark.parametrize("kind", TYPES)
def test_a_signed_file_is_copied_byte_for_byte_with_its_recipe_beside_it(kind: str, tmp_path: Path) -> None:
    """A copy of a signed file is the very file; what made it stands in `NAME.now.json`, and is read from there."""
    data = signed(kind)
    copy = _media.save_copy(data, tmp_path / f"fox{TYPES[kind]}", name="x", made=MADE)
    beside = tmp_path / f"{copy.name}.now.json"
    assert copy.read_bytes() == data
    assert json.loads(beside.read_text(encoding="utf-8")) == MADE
    assert _media.recipe_file(copy) == beside
    assert recalled_from(beside.read_bytes())[0].prompt == MADE["prompt"]
    assert _media.preview(data) == (data, *_media.preview(data)[1:]) or kind == "WEBP"
    bare = _media.save_copy(data, tmp_path / "bare" / "fox", name="x", made=None)
    assert [one.name for one in bare.parent.iterdir()] == [f"fox{TYPES[kind]}"]
    assert _media.recipe_file(bare) == bare


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("made", [None, MADE])
def test_a_conversion_says_that_it_loses_a_signature(kind: str, made: dict[str, Any] | None, tmp_path: Path) -> None:
    """A signature cannot go along into another type: that is said, and the copy holds label and recipe itself."""
    suffix = ".webp" if kind == "PNG" else ".png"
    with pytest.warns(UserWarning, match="has lost its signature"):
        copy = _media.save_copy(signed(kind), tmp_path / f"fox{suffix}", name="x", made=made)
    assert said_in(copy.read_bytes(), IPTC) == {f"{ROOT}trainedAlgorithmicMedia"}
    assert _media.extract(copy.read_bytes()) == made
    assert list(tmp_path.iterdir()) == [copy]


@pytest.mark.parametrize("suffix", TYPES.values())
def test_an_original_copied_without_its_recipe_stays_as_it_is(suffix: str, tmp_path: Path) -> None:
    """`metadata=False` gives the very bytes that the relay sent."""
    kind = next(one for one, ending in TYPES.items() if ending == suffix)
    for data in (encoded(texture(), kind), with_xmp(kind, LABELLED["element"])):
        assert _media.save_copy(data, tmp_path / f"a{suffix}", name="x", made=None).read_bytes() == data


def test_hostile_labels_cost_one_pass_and_break_nothing() -> None:
    """XMP that opens a label again and again, or none at all, still gives a preview with a label."""
    opened = ('DigitalSourceType="', ":AIGC='", ":AIGC>", ":AIGC " + " " * 500, "<rdf:RDF>")
    for words in (*(one * (400_000 // len(one)) for one in opened), "\0"):
        assert f"{ROOT}trainedAlgorithmicMedia" in xmp_of(_media.preview(with_xmp("WEBP", words), longest=20)[0])


def test_the_demo_says_that_it_drew() -> None:
    """What the demo draws bears IPTC's word for what no trained model made, in each type."""
    from now_jupyter.demo._drawing import encode

    for form in ("png", "jpeg", "webp"):
        data = encode(Image.new("RGBA" if form != "jpeg" else "RGB", (64, 64)), form=form)
        assert said_in(data, IPTC) == {f"{ROOT}algorithmicMedia"}


def test_what_a_notebook_holds_says_what_kind_of_picture_it_is(tmp_path: Path) -> None:
    """Previews, sheets, whole pictures and the history's small ones, of edits and of what no other was given to."""
    edited, made = ({"prompt": "a fox", "inputs": [{"role": "picture"}]}, {"prompt": "a fox"})
    for facts, source in ((edited, "compositeWithTrainedAlgorithmicMedia"), (made, "trainedAlgorithmicMedia")):
        generation = kept(tmp_path, *(encoded(texture(seed=seed), "PNG") for seed in (1, 2)), made=facts)
        for shown in (*generation.pictures, generation):
            for how in ("preview", "full"):
                assert said_in(image_in(shown, how=how), IPTC) == {f"{ROOT}{source}"}
        table = Selection([generation])._repr_mimebundle_()["text/html"]
        assert said_in(b64decode(table.partition("base64,")[2].partition('"')[0]), IPTC) == {f"{ROOT}{source}"}


def image_in(value: Generation | Picture, *, how: str) -> bytes:
    show = bundle_of if isinstance(value, Generation) else bundle_of_output
    data, _ = show(value, 48, how=how)  # type: ignore[operator]  # each takes its own
    return b64decode(next(data[mime] for mime in data if mime.startswith("image/")))


def kept(folder: Path, *files: bytes, made: dict[str, Any]) -> Generation:
    """A generation whose pictures lie in a folder."""
    pictures = []
    for place, data in enumerate(files, 1):
        facts = _media.examine(data)
        path = folder / f"{facts.sha256}.png"
        path.write_bytes(data)
        pictures.append(
            Picture(ref=f"#1.{place}", sha256=facts.sha256, path=path, mime=facts.mime, width=61, height=41, made=made)
        )
    about = {"prompt": "a fox", "model": "m", "status": Status.DONE, "billed": "yes", "created": NOW}
    return Generation(id="a" * 32, ref="#1", outputs=tuple(pictures), **about)
