"""A service that answers with a file or with words: kept byte for byte, under a name that people recognise."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from now_jupyter._panel._gallery import Gallery
from now_jupyter._services import services
from now_jupyter._session import Session
from now_jupyter._values import Audio, Picture
from now_jupyter.services import Ask, Listed, Reply, Request, check
from shells import shell_in
from two_services import TwoServices

pytestmark = pytest.mark.usefixtures("plugins")
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><circle r="3"/></svg>'


def gif() -> bytes:
    target = io.BytesIO()
    Image.new("P", (16, 16)).save(target, "GIF")
    return target.getvalue()


def avif() -> bytes:
    return b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf" + bytes(64)


DRAWINGS = [("image/svg+xml", "svg", SVG), ("image/gif", "gif", gif()), ("image/avif", "avif", avif())]


@contextmanager
def session_at(relay: TwoServices, folder: Path) -> Iterator[Session]:
    session = Session(folder=folder / "x.now", base_url=relay.url, environ={}, working=folder)
    try:
        yield session
    finally:
        session.close()


def test_a_sound_is_kept_as_it_came(relay: TwoServices, tmp_path: Path) -> None:
    """It has a readable name, a path and its bytes, stands in history and panel, and is complete."""
    with session_at(relay, tmp_path) as session:
        made = session.generate("a slow march", service="organ", model="organ-1", format="mp3")
        (sound,) = made.outputs
        assert isinstance(sound, Audio)
        assert (made.status, made.service, made.text) == ("done", "organ", "a slow march")
        assert sound.path.name == "1-slow-march.mp3"
        assert sound.bytes() == sound.path.read_bytes() == relay.sound[1]
        assert sound.save(tmp_path / "copy.mp3").read_bytes() == relay.sound[1]
        assert not (tmp_path / "x.now" / "answers" / "1").exists()
        assert "slow march" in repr(session.history)
        (row,) = Gallery(session).rows([1], "en")
    assert any(other["file"] == "1-slow-march.mp3" for other in row["others"])


@pytest.mark.parametrize(("mime", "suffix", "data"), DRAWINGS)
def test_a_picture_that_cannot_be_shown_is_kept(
    mime: str, suffix: str, data: bytes, relay: TwoServices, tmp_path: Path
) -> None:
    """Byte for byte, complete, and served again."""
    relay.sound = (mime, data)
    for _ in range(2):
        with session_at(relay, tmp_path) as session:
            made = session.generate("a slow march", model="organ-draws", service="organ")
            (picture,) = made.outputs
            assert isinstance(picture, Picture)
            assert (made.status, picture.mime, picture.path.suffix) == ("done", mime, f".{suffix}")
            assert picture.path.read_bytes() == relay.sound[1]
    assert relay.count("POST") == 1


def test_words_are_an_answer(relay: TwoServices, tmp_path: Path) -> None:
    """They stand in the record, and the generation has them."""
    relay.sound = ("text/plain; charset=utf-8", "no sound today, 明天".encode())
    with session_at(relay, tmp_path) as session:
        made = session.generate("a slow march", service="organ", model="organ-1")
    assert (made.status, made.text, made.outputs) == ("done", "no sound today, 明天", ())


def test_a_cell_says_where_it_is(relay: TwoServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be shown degrades to text; the value is bound, and the cell does not fail."""
    monkeypatch.setenv("NOW_BASE_URL", relay.url)
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path) as shell:
        shell.run("%load_ext now_jupyter")
        outputs = shell.shown("%%nowimage --service organ -m organ-1 -o march\na slow march")
        text = "\n".join(one["data"].get("text/plain", "") for one in outputs)
        assert "audio" in text
        assert shell.run("march.outputs[0].path.name").endswith("1-slow-march.mp3")


def test_it_keeps_the_contract() -> None:
    """`services.check` finds nothing."""
    service = next(one for one in services() if one.name == "organ")
    offer = service.offer(Listed(name="organ-1"))
    assert offer is not None
    ask = Ask(request=Request(prompt="a slow march", params={"format": "wav"}), offer=offer)
    check(service, [ask], [Reply(is_file=True, media_type="audio/mpeg"), Reply(is_file=True, media_type="text/plain")])


def test_the_doctor_says_why_a_plug_in_is_left_out(broken_plugin: str, relay: TwoServices, tmp_path: Path) -> None:
    """The others are there all the same."""
    with session_at(relay, tmp_path) as session:
        text = session.doctor().text()
    assert f"! the plug-in {broken_plugin} is left out: it cannot be loaded" in text
    assert {"atelier", "organ"} < {one.name for one in services()}
