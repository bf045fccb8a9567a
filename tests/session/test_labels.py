"""From the relay to the copy and into the notebook: no label and no signature of a picture gets lost on the way."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from drawing import signed, with_xmp, xmp_of
from faultserver import FaultServer, Send, json_answer
from now_jupyter._bundles import bundle_of, bundle_of_output, try_bundle_of_several
from now_jupyter._history import Selection
from now_jupyter._panel._fallback import latest, static_bundle
from now_jupyter._values import Generation
from relays import new_session

PATH = "/v1/images/generations"
SPACES = (
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"'
)
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
AIGC = "{&quot;Label&quot;:&quot;1&quot;,&quot;ProduceID&quot;:&quot;7&quot;}"
PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    f'<rdf:Description rdf:about="" {SPACES} Iptc4xmpExt:DigitalSourceType="{SOURCE}" TC260:AIGC="{AIGC}"/>'
    "</rdf:RDF></x:xmpmeta>"
)


def made_of(data: bytes, folder: Path) -> Generation:
    """What a session makes of an answer with this picture, saved as `copy` beside it."""
    with FaultServer() as server:
        server.script([Send(json_answer({"data": [{"b64_json": b64encode(data).decode()}]}))], path=PATH)
        with new_session(folder, server.url) as session:
            made = session.generate("a fox", model="x", save=folder / "copy")
            records = session.history.records()
            static = static_bundle(latest(records), session.context.home().store.pictures)
            assert SOURCE in said(static[0]["image/jpeg"]), "below a panel"
    return made


def said(data: bytes) -> str:
    """The XMP of a picture; a signed one says it in its signature."""
    return SOURCE if any(mark in data for mark in (b"caBX", b"C2PA", b"\xff\xeb\0\x0aJP")) else xmp_of(data)


def in_notebook(made: Generation) -> list[bytes]:
    """All that a notebook may hold of it."""
    (picture,) = made.pictures
    several = try_bundle_of_several([made, picture])
    assert several is not None
    bundles = [bundle_of(made, 24), bundle_of(made, how="full"), bundle_of_output(picture), several]
    shown = [b64decode(data[mime]) for data, _ in bundles for mime in data if mime.startswith("image/")]
    table = Selection([made])._repr_mimebundle_()["text/html"]
    return [*shown, b64decode(table.partition("base64,")[2].partition('"')[0])]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_signed_picture_is_kept_and_copied_byte_for_byte(kind: str, tmp_path: Path) -> None:
    """In the history, by `save=`, by `Picture.save`; how it was made lies beside the copy."""
    data = signed(kind)
    made = made_of(data, tmp_path)
    (picture,) = made.pictures
    (copy,) = (one for one in tmp_path.glob("copy.*") if not one.name.endswith(".json"))
    again = picture.save(tmp_path / "again")
    assert {path.read_bytes() for path in (picture.path, copy, again)} == {data}
    assert json.loads(Path(f"{copy}.now.json").read_text("utf-8"))["prompt"] == "a fox"
    assert all(SOURCE in said(one) for one in in_notebook(made))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_a_picture_says_of_itself_goes_wherever_it_goes(kind: str, tmp_path: Path) -> None:
    """IPTC's source type and China's AIGC, in the copy, in copies as other types, and in the notebook."""
    data = with_xmp(kind, PACKET)
    made = made_of(data, tmp_path)
    (picture,) = made.pictures
    (copy,) = tmp_path.glob("copy.*")
    assert picture.path.read_bytes() == data
    others = [picture.save(tmp_path / f"other{suffix}") for suffix in (".png", ".jpg", ".webp")]
    every = [copy.read_bytes(), *(one.read_bytes() for one in others), *in_notebook(made)]
    assert all(SOURCE in said(one) and "ProduceID" in said(one) for one in every)
