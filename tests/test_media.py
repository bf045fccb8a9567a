from __future__ import annotations

import base64
import contextlib
import io
import os
import resource
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
from PIL import Image, ImageChops, ImageFile

from now_jupyter import _media
from now_jupyter._errors import BadImageError, InputError
from now_jupyter._media import _decoding, _provenance

TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


def texture(width: int = 96, height: int = 64, seed: int = 1) -> Image.Image:
    """A picture that compresses like a photograph: the same spots at every scale."""
    state, layers = seed, []
    for size in (3, 7, 17):
        spots = bytearray()
        for _ in range(size * size * 3):
            state = (state * 1103515245 + 12345) % (1 << 31)
            spots.append(state >> 16 & 255)
        small = Image.frombytes("RGB", (size, size), bytes(spots))
        layers.append(small.resize((width, height), Image.Resampling.BICUBIC))
    return Image.blend(Image.blend(layers[0], layers[1], 0.35), layers[2], 0.2)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


def spliced(data: bytes, *chunks: bytes) -> bytes:
    return data[:33] + b"".join(chunks) + data[33:]


def why_not(data: bytes, **limits: int) -> str:
    with pytest.raises(BadImageError) as caught:
        _media.examine(data, **limits)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert caught.value.billed == "yes"
    return caught.value.message()


def far_apart(one: Image.Image, other: Image.Image) -> float:
    bands = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).split()
    pixels = one.width * one.height
    return max(sum(level * count for level, count in enumerate(band.histogram())) / pixels for band in bands)


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
    root = Path(__file__).parents[1]
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


# EXIF orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", TYPES)
def test_pictures_stand_upright(kind: str, orientation: int) -> None:
    """The EXIF orientation is applied to the picture, its preview and its facts, as Pillow does it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(texture(), kind, exif=exif.tobytes())
    from PIL import ImageOps

    wanted = ImageOps.exif_transpose(opened(data))
    shown = _media.decode(data)
    facts = _media.examine(data)
    assert shown.size == wanted.size == (facts.width, facts.height)
    assert far_apart(shown, wanted) == 0
    assert _media.preview(data)[2:] == shown.size
    assert (_media.preview(data)[0] == data) == (orientation == 1 and kind != "WEBP")
    small, _, width, height = _media.preview(data, longest=48)
    assert opened(small).size == (width, height)
    assert far_apart(opened(small), wanted.resize((width, height))) < 15


# base64


@settings(max_examples=200, deadline=None)
@given(
    st.binary(min_size=1, max_size=300),
    st.sampled_from(["", "data:image/png;base64,", " DATA:;charset=x;BASE64, ", "\ufeff"]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 80),
)
def test_base64_is_read_in_all_its_forms(data: bytes, head: str, safe: bool, padded: bool, width: int) -> None:
    """A prefix, line ends, the URL-safe alphabet and missing padding do not matter."""
    text = (base64.urlsafe_b64encode(data) if safe else base64.b64encode(data)).decode()
    text = text if padded else text.rstrip("=")
    lines = "\r\n".join(text[at : at + width] for at in range(0, len(text), width))
    assert _media.unpack_base64(head + lines + "\n") == data


def test_percent_signs_of_a_data_link_are_read() -> None:
    """A `data:` link may have its signs escaped."""
    assert _media.unpack_base64("data:image/png;base64,%2B%2B%2F%2F+w%3D%3D") == base64.b64decode("++//+w==")


@pytest.mark.parametrize("text", ["", "   ", "A", "AAAAA", "AA=A", "????", "AAA\u00e9", "data:image/png,AAAA", "data:"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    """All else is refused as a picture that was paid for and cannot be read."""
    with pytest.raises(BadImageError) as caught:
        _media.unpack_base64(text)
    assert caught.value.billed == "yes"
    assert caught.value.__context__ is None


# previews


def palette_with_hole() -> bytes:
    image = texture().quantize(16)
    return encoded(image, transparency=3)


def sixteen_bits() -> bytes:
    return encoded(Image.frombytes("I;16", (64, 64), b"".join((n * 16).to_bytes(2, "little") for n in range(4096))))


@pytest.mark.parametrize(
    ("data", "mime", "wanted"),
    [
        (encoded(texture()), "image/jpeg", None),
        (encoded(texture().convert("L")), "image/jpeg", None),
        (encoded(texture().convert("1")), "image/jpeg", None),
        (encoded(texture().quantize(200)), "image/jpeg", None),
        (encoded(texture().convert("RGBA")), "image/jpeg", "RGB"),
        (encoded(texture().convert("CMYK"), "JPEG"), "image/jpeg", "RGB"),
        (encoded(texture().convert("YCbCr"), "JPEG"), "image/jpeg", "RGB"),
        (encoded(Image.merge("LA", [texture().convert("L")] * 2)), "image/png", "RGBA"),
        (palette_with_hole(), "image/png", "RGBA"),
        (encoded(texture(), transparency=texture().getpixel((3, 3))), "image/png", "RGBA"),
        (sixteen_bits(), "image/jpeg", "L"),
        (encoded(texture(), "WEBP"), "image/jpeg", "RGB"),
    ],
    ids=range(12),
)
def test_every_mode_is_previewed(data: bytes, mime: str, wanted: str | None) -> None:
    """Opaque pictures become JPEG, those one can see through PNG, whatever their mode; colours stay."""
    small, found, *size = _media.preview(data, longest=48, original_if_smaller=False)
    image = opened(small)
    assert (found, image.format) == (mime, mime.removeprefix("image/").upper())
    assert image.size == tuple(size)
    assert max(size) == 48
    if wanted:
        assert image.mode == wanted
    if wanted == "RGBA":
        assert image.getchannel("A").getextrema()[0] < 255
    original = opened(data)
    shown = original.convert("I").point(lambda level: level / 256) if original.mode == "I;16" else original
    full = shown.convert("RGBA" if wanted == "RGBA" else "RGB").resize(image.size, Image.Resampling.BOX)
    white = Image.new("RGBA", image.size, "white")
    seen = [Image.alpha_composite(white, one.convert("RGBA")) for one in (image, full)]
    assert far_apart(*seen) < 12


def test_sixteen_bit_greys_are_scaled_not_clipped() -> None:
    """A 16-bit ramp stays a ramp from black to white."""
    small, *_ = _media.preview(sixteen_bits(), longest=32)
    dark, light = opened(small).getextrema()
    assert (dark < 12, light > 243) == (True, True)


def test_a_small_picture_is_passed_on_as_it_is() -> None:
    """What fits and is light goes into the notebook byte for byte, unless asked otherwise."""
    data = encoded(texture())
    assert _media.preview(data) == (data, "image/png", 96, 64)
    assert _media.preview(data, original_if_smaller=False)[1:] == ("image/jpeg", 96, 64)
    heavy = spliced(data, chunk(b"teSt", bytes(1 << 16)))
    assert _media.preview(heavy)[1:] == ("image/jpeg", 96, 64)
    inks = encoded(texture().convert("CMYK"), "JPEG")
    assert opened(_media.preview(inks)[0]).mode == "RGB"
    assert _media.preview(encoded(texture(), "WEBP"))[1:] == ("image/jpeg", 96, 64)


def test_a_small_picture_is_passed_on_only_when_it_is_whole() -> None:
    """Passing on does not pass by the check: broken bytes never reach a notebook."""
    data = encoded(texture())
    with pytest.raises(BadImageError):
        _media.preview(data[:-30])
    with pytest.raises(BadImageError):
        _media.preview(png(64, 64, chunk(b"IDAT", zlib.compress(bytes(9)))))


@pytest.mark.parametrize("size", [(2000, 3), (3, 2000), (513, 512), (1792, 1024)])
@pytest.mark.parametrize("kind", TYPES)
def test_the_longest_side_is_what_was_asked(kind: str, size: tuple[int, int]) -> None:
    """The preview's longest side is exact and no side vanishes; nothing is made larger."""
    data = encoded(texture(*size), kind)
    _, _, width, height = _media.preview(data, longest=512)
    assert max(width, height) == 512
    assert min(width, height) == max(1, round(min(size) * 512 / max(size)))
    assert _media.preview(data, longest=4000, original_if_smaller=False)[2:] == size


def test_a_preview_is_the_same_every_time() -> None:
    """The same bytes give the same preview, so that a notebook does not change by itself."""
    data = encoded(texture(700, 500))
    assert _media.preview(data) == _media.preview(data)
    assert _media.sheet([data, data]) == _media.sheet([data, data])


def test_colour_profiles_go_along() -> None:
    """A display profile stays with the preview, or its colours would change; one for inks does not."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in TYPES:
        small, *_ = _media.preview(encoded(texture(), kind, icc_profile=profile), longest=48)
        assert opened(small).info["icc_profile"] == profile
    small, *_ = _media.preview(encoded(texture().convert("CMYK"), "JPEG", icc_profile=profile), longest=48)
    assert "icc_profile" not in opened(small).info


# sheets


@pytest.mark.parametrize(
    ("count", "size", "columns", "rows"),
    [
        (1, (512, 512), 1, 1),
        (2, (512, 512), 2, 1),
        (2, (640, 360), 2, 1),
        (3, (512, 512), 3, 1),
        (3, (360, 640), 3, 1),
        (4, (512, 512), 2, 2),
        (4, (640, 360), 2, 2),
        (4, (360, 640), 4, 1),
        (6, (512, 512), 3, 2),
        (9, (512, 512), 3, 3),
        (10, (512, 512), 4, 3),
    ],
)
def test_a_sheet_chooses_its_grid(count: int, size: tuple[int, int], columns: int, rows: int) -> None:
    """The number and the shape of the pictures choose the grid; the whole is at most 1.75 times a preview."""
    data, mime, width, height = _media.sheet([encoded(texture(*size, seed=n), "JPEG") for n in range(count)])
    cell = (width - 7 * (columns - 1)) / columns, (height - 7 * (rows - 1)) / rows
    assert mime == "image/jpeg"
    assert cell[0] / cell[1] == pytest.approx(size[0] / size[1], rel=0.02)
    assert max(width, height) <= 896
    assert max(cell) <= max(size)
    assert opened(data).size == (width, height)


def test_each_picture_stands_in_its_cell_with_its_number() -> None:
    """The pictures come in order, and every corner bears a dark pill with a light digit on any ground."""
    grounds = ["white", "black", "red", "blue"]
    data, _, width, height = _media.sheet([encoded(Image.new("RGB", (600, 600), name)) for name in grounds])
    image = opened(data)
    for place, name in enumerate(grounds):
        left, top = place % 2 * (width + 7) // 2, place // 2 * (height + 7) // 2
        cell = image.crop((left, top, left + (width - 7) // 2, top + (height - 7) // 2))
        assert far_apart(cell.crop((100, 100, 300, 300)), Image.new("RGB", (200, 200), name)) < 6
        dark, light = cell.crop((0, 0, 44, 44)).convert("L").getextrema()
        assert (dark < 110, light > 200) == (True, True)


def test_a_sheet_of_clear_pictures_stays_clear() -> None:
    """Where something shows through, the sheet is a PNG that shows through; mixed shapes stand in the middle."""
    clear = Image.new("RGBA", (300, 300), (255, 0, 0, 90))
    data, mime, *_ = _media.sheet([encoded(clear), encoded(texture(300, 100))])
    image = opened(data)
    assert mime == "image/png"
    assert image.getpixel((150, 75)) == (255, 0, 0, 90)
    assert image.getpixel((450, 10))[3] == 0
    assert image.getpixel((450, 75))[3] == 255


def test_tiny_pictures_make_a_sheet_too() -> None:
    """A badge larger than its picture is cut, not a failure."""
    for image in (Image.new("RGB", (1, 1)), Image.new("RGBA", (2, 1), (0, 0, 0, 0))):
        assert _media.sheet([encoded(image)] * 11)[2] > 0


# reading the history's files


def test_an_unchanged_file_is_read(tmp_path: Path) -> None:
    """The bytes come back as they were received."""
    data = encoded(texture())
    path = tmp_path / "x.png"
    path.write_bytes(data)
    assert _media.read_verified(path, _media.digest(data)) == data


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
            os.truncate(path, _decoding.MOST_BYTES + 1)
        case "nul":
            path = tmp_path / "x\0.png"
    with pytest.raises(BadImageError) as caught:
        _media.read_verified(path, _media.digest(data))
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


def saved(data: bytes, path: Path | str, made: Any = None) -> Path:
    return _media.save_copy(data, path, name="12-abc", made=made)


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


def test_a_copy_replaces_a_file_of_that_name_whole(tmp_path: Path) -> None:
    """Saving twice under a name keeps the last, and leaves no parts behind."""
    first, second = encoded(texture()), encoded(texture(seed=5))
    saved(first, tmp_path / "fox.png")
    saved(second, tmp_path / "fox.png")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [second]


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
        ("long", "the name is too long"),
        ("nul", "no path"),
        ("nobody", "no path"),
        ("pipe", "no plain file"),
        ("full", "no space is left"),
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
        with pytest.raises(InputError) as caught:
            saved(encoded(texture()), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert words in caught.value.message()
    assert caught.value.__context__ is None
    assert not [one for one in tmp_path.iterdir() if one.name.endswith(".part")]
