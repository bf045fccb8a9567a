"""Upright pictures, base64, previews and sheets."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from demo_calls import opened
from drawing import TYPES, chunk, encoded, far_apart, png, sheet, spliced, texture
from now_jupyter import _media
from now_jupyter._messages._errors import BadImageError


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", TYPES)
def test_pictures_stand_upright(kind: str, orientation: int) -> None:
    """The EXIF orientation is applied to the picture, its preview and its facts, as Pillow does it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = _media.label(encoded(texture(), kind, exif=exif.tobytes()))
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
    whole = (head + lines + "\n").encode()
    assert b"".join(_media.unpack_base64([whole])) == data
    start = len(head.encode())
    pieces = [whole[:start], *(whole[at : at + width] for at in range(start, len(whole), width))]
    assert b"".join(_media.unpack_base64(pieces)) == data


def test_percent_signs_of_a_data_link_are_read() -> None:
    """A `data:` link may have its signs escaped."""
    text = b"data:image/png;base64,%2B%2B%2F%2F+w%3D%3D"
    for at in range(22, len(text)):
        assert b"".join(_media.unpack_base64([text[:at], text[at:]])) == base64.b64decode("++//+w==")


@pytest.mark.parametrize("text", ["", "   ", "A", "AAAAA", "AA=A", "????", "AAA\u00e9", "data:image/png,AAAA", "data:"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    """All else is refused as a picture that was paid for and cannot be read."""
    with pytest.raises(BadImageError) as caught:
        b"".join(_media.unpack_base64([text.encode()]))
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
    """What fits, is light and has its label goes into the notebook byte for byte, unless asked otherwise."""
    data = _media.label(encoded(texture()))
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


@pytest.mark.slow
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
    assert sheet([data, data]) == sheet([data, data])


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
@pytest.mark.slow
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
    data, mime, width, height = sheet([encoded(texture(*size, seed=n), "JPEG") for n in range(count)])
    cell = (width - 7 * (columns - 1)) / columns, (height - 7 * (rows - 1)) / rows
    assert mime == "image/jpeg"
    assert cell[0] / cell[1] == pytest.approx(size[0] / size[1], rel=0.02)
    assert max(width, height) <= 896
    assert max(cell) <= max(size)
    assert opened(data).size == (width, height)


def test_each_picture_stands_in_its_cell_with_its_number() -> None:
    """The pictures come in order, and every corner bears a dark pill with a light digit on any ground."""
    grounds = ["white", "black", "red", "blue"]
    data, _, width, height = sheet([encoded(Image.new("RGB", (600, 600), name)) for name in grounds])
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
    data, mime, *_ = sheet([encoded(clear), encoded(texture(300, 100))])
    image = opened(data)
    assert mime == "image/png"
    assert image.getpixel((150, 75)) == (255, 0, 0, 90)
    assert image.getpixel((450, 10))[3] == 0
    assert image.getpixel((450, 75))[3] == 255


def test_tiny_pictures_make_a_sheet_too() -> None:
    """A badge larger than its picture is cut, not a failure."""
    for image in (Image.new("RGB", (1, 1)), Image.new("RGBA", (2, 1), (0, 0, 0, 0))):
        assert sheet([encoded(image)] * 11)[2] > 0
