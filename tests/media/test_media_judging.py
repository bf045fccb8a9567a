"""Bytes are judged: type, size, whether they are whole, whether they are a bomb."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from demo_calls import opened
from drawing import TYPES, chunk, encoded, far_apart, png, spliced, texture
from now_jupyter._media import _decoding, _provenance
from now_jupyter._media import _examine as _media
from now_jupyter._messages._errors import BadImageError


def why_not(data: bytes, **limits: int) -> str:
    with pytest.raises(BadImageError) as caught:
        _media.examine(data, **limits)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert caught.value.billed == "yes"
    return caught.value.message()


# what bytes are
@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (encoded(texture()), "image/png"),
        (encoded(texture(), "JPEG"), "image/jpeg"),
        (encoded(texture(), "WEBP"), "image/webp"),
        (encoded(texture(), "GIF"), "image/gif"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"<svg xmlns='x'>", "image/svg+xml"),
        (b"\xef\xbb\xbf\n <?xml version='1.0'?><!-- hi <html> --><!DOCTYPE svg PUBLIC ''><svg>", "image/svg+xml"),
        ("\ufeff<svg>".encode("utf-16-le"), "image/svg+xml"),
        (b"  <!DOCTYPE HTML><svg>", "text/html"),
        (b"<?xml version='1.0'?>\n<html>", "text/html"),
        (b"<Error><Code>AccessDenied</Code>", None),
        (b"RIFF\x10\0\0\0WAVE", None),
        (b"<!-- never closed", None),
        (b"", None),
    ],
)
def test_types_are_read_from_the_first_bytes(head: bytes, mime: str | None) -> None:
    """The type comes from the bytes: magic numbers, or the first tag behind marks, blanks and prologs."""
    assert _media.sniff(head[:300]) == mime


@pytest.mark.parametrize("kind", TYPES)
def test_a_whole_picture_is_described(kind: str, tmp_path: Path) -> None:
    """Type, size, digest and length are told, from bytes and from a file alike."""
    data = encoded(texture(), kind)
    path = tmp_path / "x"
    path.write_bytes(data)
    facts = _media.examine(data)
    assert (facts.mime, facts.width, facts.height, facts.size_bytes) == (TYPES[kind], 96, 64, len(data))
    assert facts == _media.examine(path)
    assert not facts.animated


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animated_pictures_are_accepted_and_said_to_move(kind: str) -> None:
    """An animation is accepted, flagged, and previewed by its first frame."""
    data = encoded(texture(600, 400), kind, save_all=True, append_images=[texture(600, 400, 9)], duration=50)
    assert _media.examine(data).animated
    small, _, *size = _media.preview(data)
    assert tuple(size) == (512, 341)
    assert far_apart(opened(small), texture(600, 400).resize((512, 341))) < 6


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no bytes came"),
        (b"<!doctype html><title>Expired", "HTML page"),
        (b"<svg onload='alert(1)'/>", "SVG"),
        (b"%PDF-1.4", "PDF"),
        (encoded(texture(), "GIF"), "GIF"),
        (b'{"error":"gone"}', 'this is text, not a picture: {"error":"gone"}'),
        (b"\0\1\2\3", "no PNG, JPEG or WebP"),
        (encoded(texture(), "TIFF"), "no PNG, JPEG or WebP"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(data: bytes, words: str) -> None:
    """Bytes of another kind are refused, and the message says what they are."""
    assert words in why_not(data)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("lenient", [False, True])
def test_a_cut_off_picture_is_refused(kind: str, share: float, lenient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that ends too early fails, even where the notebook told Pillow to be lenient."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    data = encoded(texture(), kind)
    assert "is cut off" in why_not(data[: max(16, int(len(data) * share))])


def test_pixels_that_are_missing_inside_a_whole_file_are_noticed() -> None:
    """A PNG with all its chunks but too few pixels is cut off too: loading finds it."""
    data = png(64, 64, chunk(b"IDAT", zlib.compress(bytes(64 * 3))))
    assert "is cut off" in why_not(data)


def test_a_bomb_is_refused_by_its_header() -> None:
    """Claimed sizes are checked before anything is decoded; the limit is in pixels."""
    bomb = png(60_000, 60_000, chunk(b"IDAT", zlib.compress(bytes(1 << 20))))
    assert "60000 × 60000" in why_not(bomb)
    assert "96 × 64" in why_not(encoded(texture(), "JPEG"), max_pixels=96 * 64 - 1)
    assert "96 × 64" in why_not(encoded(texture(), "WEBP"), max_pixels=96 * 64 - 1)
    assert _media.examine(encoded(texture()), max_pixels=96 * 64).width == 96


@pytest.mark.parametrize("use", [_media.decode, _media.preview, lambda data: _media.sheet([data, data])])
def test_a_bomb_is_refused_wherever_pictures_are_decoded(use: Any) -> None:
    """Decoding, preview and sheet hold the same limit as the first check."""
    with pytest.raises(BadImageError, match="60000"):
        use(png(60_000, 60_000, chunk(b"IDAT", zlib.compress(b""))))


def test_bytes_beyond_the_cap_are_refused() -> None:
    """A picture of more than 64 MiB is not kept, since it could not be read back."""
    assert "64 MiB" in why_not(encoded(texture()) + bytes(_decoding.MOST_BYTES))


def test_a_wrong_checksum_is_noticed_where_it_matters() -> None:
    """A flipped bit in the pixels fails; one in a remark that no pixel needs does not lose a paid picture."""
    data = bytearray(spliced(encoded(texture()), chunk(b"tEXt", b"Comment\0hello")))
    at = data.index(b"hello")
    data[at] ^= 1
    assert _media.examine(bytes(data)).width == 96
    at = data.index(b"IDAT") + 4 + int.from_bytes(data[data.index(b"IDAT") - 4 :][:4])
    data[at] ^= 1
    assert "a checksum is wrong" in why_not(bytes(data))


def test_a_jpeg_with_endless_scans_is_refused() -> None:
    """Each scan costs a pass over all pixels; a file with hundreds of them is made to hang its reader."""
    data = encoded(texture(), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert _media.examine(data).width == 96
    assert "too many scans" in why_not(data[:-2] + scan * 200 + b"\xff\xd9")


def test_more_parts_than_any_encoder_writes_are_refused() -> None:
    """A file of a million empty parts is refused without walking over all of them for long."""
    assert "too many parts" in why_not(spliced(encoded(texture()), chunk(b"teSt", b"") * 150_000))
    jpeg = encoded(texture(), "JPEG")
    assert "too many parts" in why_not(jpeg[:2] + b"\xff\xfe\0\x02" * 150_000 + jpeg[2:])


def test_a_webp_whose_parts_disagree_is_refused() -> None:
    """A small claimed canvas does not let a larger picture through."""
    data = bytearray(_provenance.embed(encoded(texture(), "WEBP"), {}))
    data[24:27] = (40).to_bytes(3, "little")
    assert "WebP picture is damaged" in why_not(bytes(data))


def test_a_png_with_two_headers_is_refused() -> None:
    """A second header does not let a larger picture through than the first one claims."""
    second = chunk(b"IHDR", (9000).to_bytes(4) * 2 + b"\x08\x02\0\0\0")
    data = png(8, 8, second, chunk(b"IDAT", zlib.compress(bytes(9000 * 27001))))
    assert "disagree about its size" in why_not(data, max_pixels=64)


def broken_exif() -> bytes:
    entry = b"\x12\x01\x03\0\x05\0\0\0\xff\xff\xff\xff" + b"\x31\x01\x02\0\xff\xff\0\0\xf0\xff\xff\x7f"
    return b"Exif\0\0II*\0\x08\0\0\0\x02\0" + entry + b"\0\0\0\0"


@pytest.mark.parametrize(
    "data",
    [
        spliced(encoded(texture()), chunk(b"acTL", b"\0\0\0\0\0\0\0\0")),
        spliced(encoded(texture()), chunk(b"acTL", b"\0")),
        spliced(encoded(texture()), chunk(b"iCCP", b"name\0\x07broken")),
        spliced(encoded(texture()), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 24)))),
        encoded(texture(), "JPEG", exif=broken_exif()),
        encoded(texture(), "WEBP", exif=broken_exif()),
        encoded(texture(), "JPEG")[:2] + b"\xff\xe2\0\x0eICC_PROFILE\0" + encoded(texture(), "JPEG")[2:],
        encoded(texture(), "JPEG")[:2] + b"\xff\xee\0\x07Adobe" + encoded(texture(), "JPEG")[2:],
        encoded(texture(), "MPO", save_all=True, append_images=[texture()]),
        encoded(texture()) + b"trailing",
        encoded(texture(), "JPEG") + b"trailing",
    ],
    ids=range(11),
)
def test_odd_metadata_neither_warns_nor_loses_the_picture(data: bytes) -> None:
    """Parts that no pixel needs never reach the decoder: no warning (they are errors here), no failure."""
    assert _media.examine(data).width == 96
    assert far_apart(_media.decode(data), texture()) < 8
    assert _media.preview(data, longest=48)[2:] == (48, 32)


@pytest.mark.filterwarnings("default")
def test_many_threads_may_look_at_pictures_at_once() -> None:
    """Threads get the right answers, and neither filters of warnings nor limits of Pillow are touched."""
    good, bad = encoded(texture(200, 200), "WEBP"), encoded(texture(200, 200), "JPEG")[:900]
    before = list(warnings.filters), Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    gate = threading.Barrier(8)

    def look(place: int) -> bool:
        gate.wait(10)
        if place % 2:
            return _media.examine(good).width == 200
        return "cut off" in why_not(bad)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, range(8)))
    assert before == (list(warnings.filters), Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def test_importing_loads_no_pillow() -> None:
    """Importing the rooms of pictures does not load Pillow."""
    code = "import sys, now_jupyter._media, now_jupyter._media._provenance; sys.exit('PIL' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_hostile_bytes_are_accepted_or_refused_and_nothing_else(draw: st.DataObject) -> None:
    """Whatever the bytes, they are a picture or a BadImageError; no warning, no other exception."""
    kind = draw.draw(st.sampled_from([*TYPES, "junk"]))
    if kind == "junk":
        heads = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\xff\0\0\0WEBPVP8X", b"<", b"\xff\xfe<"]
        data = draw.draw(st.sampled_from(heads)) + draw.draw(st.binary(max_size=200))
    else:
        changed = bytearray(encoded(texture(24, 16), kind))
        for _ in range(draw.draw(st.integers(1, 4))):
            changed[draw.draw(st.integers(0, len(changed) - 1))] = draw.draw(st.integers(0, 255))
        data = bytes(changed)
    for use in (_media.examine, _media.decode, lambda data: _media.preview(data, longest=8)):
        with contextlib.suppress(BadImageError):
            use(data)
