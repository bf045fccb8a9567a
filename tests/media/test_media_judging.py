"""Bytes are judged: type, size, whether they are whole, whether they are a bomb."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import threading
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import isal_zlib
from PIL import Image, ImageFile

from demo_calls import opened
from drawing import TYPES, chunk, encoded, far_apart, png, sheet, spliced, texture
from now_jupyter import _media
from now_jupyter._media import _files, _png, _provenance, _types
from now_jupyter._media._png import is_sound_png
from now_jupyter._messages import BadImageError


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
        (b"  <!DOCTYPE HTML><svg>", None),
        (b"<?xml version='1.0'?>\n<html>", None),
        (b"<Error><Code>AccessDenied</Code>", None),
        (b"RIFF\x10\0\0\0AVI ", None),
        (b"BMW, a red car in snow", None),
        (b"get free films", None),
        (b"<svgs>", None),
        (b"<!-- never closed", None),
        (b"", None),
    ],
)
def test_types_are_read_from_the_first_bytes(head: bytes, mime: str | None) -> None:
    """The type comes from the bytes: magic numbers, or the first tag behind marks, blanks and prologs."""
    media = _media.identify(head)
    assert (media.mime if media else None) == mime


@pytest.mark.parametrize("kind", TYPES)
def test_a_whole_picture_is_described(kind: str, tmp_path: Path) -> None:
    """Type, size, digest and length are told, from bytes and from a file alike."""
    data = encoded(texture(), kind)
    path = tmp_path / "x"
    path.write_bytes(data)
    facts = _media.examine(data)
    assert (facts.mime, facts.width, facts.height, facts.size_bytes) == (TYPES[kind], 96, 64, len(data))
    assert (facts.kind, facts.sha256) == ("picture", hashlib.sha256(data).hexdigest())
    assert facts == _media.examine(path)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animated_pictures_are_accepted(kind: str) -> None:
    """An animation is accepted, and previewed by its first frame."""
    data = encoded(texture(600, 400), kind, save_all=True, append_images=[texture(600, 400, 9)], duration=50)
    assert _media.examine(data).width == 600
    small, _, *size = _media.preview(data)
    assert tuple(size) == (512, 341)
    assert far_apart(opened(small), texture(600, 400).resize((512, 341))) < 6


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no bytes came"),
        (b"<!doctype html><title>Expired", "HTML page"),
        (b"%PDF-1.4", "PDF"),
        (b'{"error":"gone"}', 'this is text, not a picture: {"error":"gone"}'),
        (b"\0\1\2\3", "no picture, film or sound"),
        (encoded(texture(), "PPM"), "no picture, film or sound"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(data: bytes, words: str) -> None:
    """Bytes of another kind are refused, and the message says what they are."""
    assert words in why_not(data)


# what is kept, whether it can be shown or not
HEADS = {
    "image/png": [b"\x89PNG\r\n\x1a\n"],
    "image/jpeg": [b"\xff\xd8\xff\xe0"],
    "image/webp": [b"RIFF\x10\0\0\0WEBPVP8 "],
    "image/gif": [b"GIF87a", b"GIF89a"],
    "image/avif": [b"\0\0\0\x20ftypavif\0\0\0\0", b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf"],
    "image/heic": [b"\0\0\0\x18ftypheic\0\0\0\0", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"],
    "image/svg+xml": [b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"],
    "image/bmp": [b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"],
    "image/tiff": [b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"],
    "audio/mp4": [b"\0\0\0\x20ftypM4A \0\0\0\0"],
    "video/quicktime": [b"\0\0\0\x14ftypqt  ", b"\0\0\x10\0moov", b"\0\0\0\x08wide"],
    "video/mp4": [b"\0\0\0\x20ftypisom\0\0\2\0", b"\0\0\0\x18ftypmp42"],
    "video/webm": [b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm"],
    "audio/mpeg": [b"ID3\4\0\0\0\0\0\0", b"\xff\xfb\x90\x64", b"\xff\xf3\x84\xc4"],
    "audio/wav": [b"RIFF\x10\0\0\0WAVEfmt "],
    "audio/opus": [b"OggS\0\2" + bytes(8) + b"abcd" + bytes(8) + b"\1\x13OpusHead\1"],
    "audio/ogg": [b"OggS\0\2" + bytes(8) + b"abcd" + bytes(8) + b"\1\x1e\1vorbis"],
    "audio/flac": [b"fLaC\0\0\0\x22"],
    "audio/aac": [b"\xff\xf1\x50\x80"],
    "application/pdf": [b"%PDF-1.7"],
}


@pytest.mark.parametrize("media", _types.MEDIA_TYPES, ids=lambda media: media.mime)
def test_each_row_of_the_table_knows_its_files(media: _media.MediaType) -> None:
    """Each type is told from all others by how its files begin, and found by its name and its suffixes."""
    assert media.mime in HEADS or media.mime in ("application/json", "text/plain")
    for head in HEADS.get(media.mime, []):
        assert _media.identify(head + bytes(64)) is media
    assert {_media.media_type(name.upper()) for name in (media.mime, *media.suffixes)} == {media}
    assert (media.kind == "picture") == media.mime.startswith("image/")


@pytest.mark.parametrize("mime", [mime for mime in HEADS if not mime.endswith(("png", "jpeg", "webp", "pdf"))])
def test_what_cannot_be_shown_is_a_sound_file_all_the_same(mime: str, tmp_path: Path) -> None:
    """Films, sounds and pictures that nobody can show here are kept: type, kind, digest and length are known."""
    (tmp_path / "x").write_bytes(data := HEADS[mime][0] + bytes(100_000))
    facts = _media.examine(data)
    assert facts == _media.examine(tmp_path / "x")
    assert (facts.mime, facts.sha256, facts.size_bytes) == (mime, hashlib.sha256(data).hexdigest(), len(data))
    assert facts.kind == {"image": "picture", "video": "video", "audio": "audio"}[mime.partition("/")[0]]
    with pytest.raises(BadImageError):
        _media.preview(data)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "AVIF"])
def test_other_pictures_have_a_size_where_pillow_knows_it(kind: str) -> None:
    """What Pillow can read is measured, previewed and converted, though it is not judged as PNG, JPEG and WebP are."""
    data = encoded(texture(), kind)
    facts = _media.examine(data)
    assert (facts.mime, facts.width, facts.height) == (f"image/{kind.lower()}", 96, 64)
    assert _media.preview(data, longest=48)[1:] == ("image/jpeg", 48, 32)
    assert _media.decode(data).size == (96, 64)
    facts = _media.examine(data[:-20])
    assert facts.mime == f"image/{kind.lower()}"


def test_a_bomb_that_is_not_decoded_is_kept_without_a_size() -> None:
    """A GIF that claims too many pixels is a file like others, but nobody decodes it."""
    data = b"GIF89a" + b"\xff\xff\xff\xff" + encoded(texture(), "GIF")[10:]
    assert (_media.examine(data).width, _media.examine(data).mime) == (0, "image/gif")
    with pytest.raises(BadImageError, match="65535"):
        _media.preview(data)


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (b'\xef\xbb\xbf {"a": 1}', "application/json"),
        ("狐狸\n".encode(), "text/plain"),
        (b"%PDF-1.4", "application/pdf"),
    ],
)
def test_words_are_sound_where_they_are_expected(data: bytes, mime: str) -> None:
    """Text is a file of its own kind where words were announced, and no picture; a web page never is."""
    facts = _media.examine(data, expected="words")
    assert (facts.mime, facts.kind) == (mime, "words")
    why_not(data)
    for other in (b"<html>", b"\0\1", b"", b" \n"):
        with pytest.raises(BadImageError):
            _media.examine(other, expected="words")


def test_hostile_markup_is_told_in_one_pass() -> None:
    """Prologs without end cost no more than one look at the first bytes."""
    began = time.perf_counter()
    for text in (b"<??>" * 1024, b"<!---->" * 600, b"<?" * 2048, b" " * 4096, b"<!--" * 1024):
        assert _media.identify(text) is None
    assert time.perf_counter() - began < 0.5


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


@pytest.fixture(params=[isal_zlib, zlib], ids=["isal", "zlib"])
def unpacking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both libraries, one after the other: not every machine has the fast one."""
    monkeypatch.setattr(_png, "zlib", request.param)


@pytest.mark.slow
@pytest.mark.usefixtures("unpacking")
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (640, 481)])
def test_a_plain_png_is_judged_without_its_pixels(
    mode: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its checksums and rows say is what the decoder would; a cut or a wrong bit anywhere is noticed."""
    data = encoded(texture(*size).convert("L" if mode == "I;16" else mode).convert(mode))
    places = range(8, len(data), max(1, len(data) // 50))
    damaged = [data[:at] for at in places] + [data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :] for at in places]
    assert not any(map(is_sound_png, damaged))
    assert is_sound_png(data)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it was decoded"))
    assert (_media.examine(data).width, _media.examine(data).height) == size


@pytest.mark.usefixtures("unpacking")
@pytest.mark.parametrize("rows", [b"\0abc" * 2, b"\0abc" * 4, b"\5abc" * 3])
def test_rows_that_are_too_few_too_many_or_of_no_filter_are_the_decoders_to_judge(rows: bytes) -> None:
    """The checksums are right, and the picture is not."""
    assert is_sound_png(png(1, 3, chunk(b"IDAT", zlib.compress(b"\0abc" * 3))))
    assert not is_sound_png(png(1, 3, chunk(b"IDAT", zlib.compress(rows))))


def test_a_bomb_is_refused_by_its_header() -> None:
    """Claimed sizes are checked before anything is decoded; the limit is in pixels."""
    bomb = png(60_000, 60_000, chunk(b"IDAT", zlib.compress(bytes(1 << 20))))
    assert "60000 × 60000" in why_not(bomb)
    assert "96 × 64" in why_not(encoded(texture(), "JPEG"), max_pixels=96 * 64 - 1)
    assert "96 × 64" in why_not(encoded(texture(), "WEBP"), max_pixels=96 * 64 - 1)
    assert _media.examine(encoded(texture()), max_pixels=96 * 64).width == 96


@pytest.mark.parametrize("use", [_media.decode, _media.preview, lambda data: sheet([data, data])])
def test_a_bomb_is_refused_wherever_pictures_are_decoded(use: Any) -> None:
    """Decoding, preview and sheet hold the same limit as the first check."""
    with pytest.raises(BadImageError, match="60000"):
        use(png(60_000, 60_000, chunk(b"IDAT", zlib.compress(b""))))


def test_bytes_beyond_the_cap_are_refused() -> None:
    """A picture of more than 64 MiB is not kept, since it could not be read back."""
    assert "64 MiB" in why_not(encoded(texture()) + bytes(_files.MOST_BYTES))


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_png_with_two_headers_is_refused() -> None:
    """A second header does not let a larger picture through than the first one claims."""
    second = chunk(b"IHDR", (9000).to_bytes(4) * 2 + b"\x08\x02\0\0\0")
    data = png(8, 8, second, chunk(b"IDAT", zlib.compress(bytes(9000 * 27001))))
    assert "9000 × 9000" in why_not(data, max_pixels=64)


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
    """Importing what looks at media does not load Pillow."""
    code = "import sys, now_jupyter._media, now_jupyter._media._provenance; sys.exit('PIL' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@pytest.mark.slow
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
