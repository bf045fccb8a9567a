from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from demo_calls import opened
from drawing import chunk, encoded, itxt, signed, spliced, with_xmp, xmp_of
from now_jupyter import _media
from now_jupyter._media import _containers, _provenance

KINDS = ("PNG", "JPEG", "WEBP")
MADE = {
    "id": "0" * 32,
    "prompt": '狐狸 in <snow> & "ice"\r\n\t]]> \u2028 end',
    "model": "gpt-image-2",
    "service": "openai",
    "params": {"n": 2, "seed": None, "deep": [1.5, True]},
    "inputs": [],
}
FOREIGN = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:q="urn:q"><q:source>trainedAlgorithmicMedia</q:source></rdf:Description>'
    "</rdf:RDF></x:xmpmeta>"
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))  # no half of a surrogate pair: no record holds one
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def ramp(mode: str = "RGB") -> Image.Image:
    image = Image.linear_gradient("L").resize((61, 41))
    return Image.merge("RGB", [image, image.rotate(90), image.rotate(180)]).convert(mode)


def file_of(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    return encoded(image or ramp(), kind, **options)


def with_chunks(*chunks: bytes) -> bytes:
    return spliced(file_of("PNG"), *chunks)


def with_text(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    return file_of("PNG", pnginfo=info)


def coded_pixels(kind: str, data: bytes) -> bytes:
    """The parts of a file that hold its pixels, as they lie there."""
    if kind == "JPEG":
        return data[list(_containers.jpeg_segments(data))[-1].start :]
    chunks = _containers.png_chunks(data) if kind == "PNG" else _containers.webp_chunks(data)
    pixels = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"VP8 ", b"VP8L", b"ALPH", b"ANMF", b"ANIM"}
    return b"".join(one.kind + _containers.body_of(data, one) for one in chunks if one.kind in pixels)


# writing and reading back


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_embedded_is_read_back(kind: str) -> None:
    """A picture tells how it was made, with every character of the prompt."""
    assert _provenance.extract(_provenance.embed(file_of(kind), MADE)) == MADE


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(KINDS), st.dictionaries(TEXT, JSON, max_size=4), TEXT)
def test_any_json_survives_the_way_through_a_file(kind: str, made: dict[str, Any], prompt: str) -> None:
    """Whatever JSON a record holds, NULs too, comes back equal, from a file Pillow reads."""
    made = {**made, "prompt": prompt}
    data = _provenance.embed(file_of(kind), made)
    assert _provenance.extract(data) == made
    assert _media.examine(data).width == 61
    assert opened(data).size == (61, 41)


@pytest.mark.parametrize(
    ("kind", "image", "options"),
    [
        ("PNG", ramp(), {}),
        ("PNG", ramp("RGBA"), {}),
        ("PNG", ramp("P"), {"transparency": 2}),
        ("PNG", ramp(), {"save_all": True, "append_images": [ramp("RGB").rotate(5)]}),
        ("JPEG", ramp(), {"progressive": True}),
        ("JPEG", ramp("CMYK"), {}),
        ("WEBP", ramp(), {}),
        ("WEBP", ramp(), {"lossless": True}),
        ("WEBP", ramp("RGBA").rotate(45), {}),
        ("WEBP", ramp("RGBA").rotate(45), {"lossless": True}),
        ("WEBP", ramp(), {"save_all": True, "append_images": [ramp("RGB").rotate(5)]}),
        ("WEBP", ramp(), {"icc_profile": b"odd", "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}),
    ],
    ids=range(12),
)
def test_no_pixel_is_touched(kind: str, image: Image.Image, options: dict[str, Any]) -> None:
    """The coded pixels are the same bytes, and the picture, its animation and its profile stay what they were."""
    before = file_of(kind, image, **options)
    after = _provenance.embed(before, MADE)
    assert coded_pixels(kind, after) == coded_pixels(kind, before)
    one, other = opened(before), opened(after)
    assert (one.mode, one.tobytes()) == (other.mode, other.tobytes())
    assert getattr(one, "n_frames", 1) == getattr(other, "n_frames", 1)
    assert one.info.get("icc_profile") == other.info.get("icc_profile")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [10, 10_000])
def test_embedding_twice_replaces(kind: str, size: int) -> None:
    """The last one counts and nothing of the first stays behind, however long it was."""
    plain = _provenance.embed(file_of(kind), {"prompt": "short"})
    long = {"prompt": "é<" * (size // 2), "n": 1}
    data = _provenance.embed(plain, long)
    assert _provenance.extract(data) == long
    assert _media.examine(data).width == 61
    assert _provenance.embed(data, long) == data
    assert _provenance.embed(data, {"prompt": "short"}) == plain


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [10, 10_000])
def test_the_words_of_others_are_kept(kind: str, size: int) -> None:
    """XMP that says "made by an algorithm" stays, beside ours, in one well-formed packet."""
    data = with_xmp(kind, FOREIGN)
    made = {"prompt": "x" * size}
    for _ in range(2):
        data = _provenance.embed(data, made)
        packet = xmp_of(data)
        assert packet.count("trainedAlgorithmicMedia") == 1
        assert packet.count("urn:now-jupyter:1") == 1
        assert packet.count("</rdf:RDF>") == 1
        assert _provenance.extract(data) == made


@pytest.mark.parametrize("kind", KINDS)
def test_a_description_of_others_is_not_doubled(kind: str) -> None:
    """Where somebody has described the picture already, the common words stay theirs."""
    words = '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description>hi'
    packet = FOREIGN.replace("</rdf:RDF>", f"{words}</dc:description></rdf:Description></rdf:RDF>")
    data = _provenance.embed(with_xmp(kind, packet), MADE)
    assert xmp_of(data).count("<dc:description>") == 1
    assert _provenance.extract(data) == MADE


def test_a_png_keeps_the_words_of_others() -> None:
    """Text chunks of others stay, whatever their keywords."""
    data = _provenance.embed(_provenance.embed(with_text(Description="theirs", Comment="x"), MADE), MADE)
    kinds = [one for one in _containers.png_chunks(data) if one.kind == b"tEXt"]
    assert [_containers.body_of(data, one) for one in kinds] == [b"Description\0theirs", b"Comment\0x"]
    assert _provenance.extract(data) == MADE


def test_people_and_other_tools_can_read_it() -> None:
    """The prompt stands where file browsers look, whatever the type: in `dc:description` of XMP."""
    for kind in KINDS:
        packet = xmp_of(_provenance.embed(file_of(kind), {"prompt": "狐狸 <a>\0"}))
        assert '<rdf:li xml:lang="x-default">狐狸 &lt;a&gt;</rdf:li>' in packet


def test_a_jpeg_stays_in_order() -> None:
    """JFIF and EXIF stay in front of ours, where readers want them."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"
    data = _provenance.embed(file_of("JPEG", exif=exif), MADE)
    kinds = [_containers.body_of(data, one)[:4] for one in _containers.jpeg_segments(data)][:3]
    assert kinds == [b"JFIF", b"Exif", b"http"]


def test_a_jpeg_that_cannot_hold_it_stays_as_it_is() -> None:
    """What is too long for one segment is not put in; the pixels and words of others are what they were."""
    data = file_of("JPEG", xmp=FOREIGN.encode())
    assert _provenance.embed(data, {"prompt": "x" * 70_000}) == data


@pytest.mark.parametrize("kind", KINDS)
def test_a_signed_file_stays_as_it_is(kind: str) -> None:
    """A C2PA signature covers the bytes: one added part would make it look tampered with."""
    data = signed(kind)
    assert _media.examine(data).width == 61
    assert _provenance.embed(data, MADE) == data


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"<svg/>", file_of("GIF"), file_of("PNG")[:50], file_of("JPEG")[:90], file_of("WEBP")[:40]],
    ids=range(7),
)
def test_what_cannot_hold_it_stays_unchanged(data: bytes) -> None:
    """Other types and broken files are given back as they are."""
    assert _provenance.embed(data, MADE) == data
    assert _provenance.extract(data) is None


def test_numbers_that_are_none_are_read_as_all_json_is() -> None:
    """What is no number is nothing, one with hundreds of digits stays text."""
    assert _provenance.extract(xmp('{"a":NaN,"b":1' + "0" * 400 + "}")) == {"a": None, "b": "1" + "0" * 400}


# hostile bytes


def nested(depth: int) -> str:
    return '{"a":' + "[" * depth + "]" * depth + "}"


def xmp(inner: str, head: str = "") -> bytes:
    packet = f'{head}<r><now:made xmlns:now="urn:now-jupyter:1">{inner}</now:made></r>'.encode()
    return file_of("WEBP", xmp=packet)


def laughs() -> str:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE r [<!ENTITY l0 "{{}}">{entities}]>'


@pytest.mark.parametrize(
    "data",
    [
        xmp("{"),
        xmp("[1]"),
        xmp(nested(200_000)),
        with_chunks(itxt(b"\xff\xfe")),
        with_chunks(itxt(b"x" * (1 << 20))),
        with_chunks(itxt(zlib.compress(b"x" * (1 << 26)), packed=True)),
        with_chunks(itxt(b"no zlib", packed=True)),
        with_chunks(chunk(b"iTXt", b"parameters\0")),
        with_chunks(*[chunk(b"zTXt", b"Description\0\0" + zlib.compress(bytes(1 << 21)))] * 40),
        with_chunks(*[chunk(b"tEXt", b"Description\0")] * 100, itxt(b"a fox")),
        with_chunks(itxt(b"a fox")[:-9]),
        xmp("{}", head=laughs()),
        xmp("&l9;", head=laughs()),
        xmp("{}", head='<!DOCTYPE r SYSTEM "file:///etc/passwd">'),
        xmp("{}<open>"),
        xmp("<a>" * 50_000 + "</a>" * 50_000),
        xmp(nested(50_000)),
        xmp("{}", head="<!--" + "x" * (1 << 20) + "-->"),
        xmp('{"a":"' + "x" * (1 << 20) + '"}'),
        file_of("WEBP", xmp=b"\xff\xfe<\0r\0>\0"),
    ],
    ids=range(20),
)
def test_hostile_metadata_is_nothing(data: bytes) -> None:
    """Broken, endless, nested, packed or expanding metadata is as none at all, and never an exception."""
    assert _provenance.extract(data) is None


def test_harmless_forms_of_the_hostile_ones_are_read() -> None:
    """The cases above are refused for what is wrong with them, not for how they are built."""
    fox = {"prompt": "a fox"}
    assert _provenance.extract(with_chunks(itxt(b"a fox"))) == fox
    assert _provenance.extract(with_chunks(itxt(zlib.compress(b"a fox"), packed=True))) == fox
    assert _provenance.extract(with_chunks(*[chunk(b"tEXt", b"a\0b")] * 100, itxt(b"a fox"))) == fox
    assert _provenance.extract(with_chunks(chunk(b"tEXt", b"Description\0" + bytes(1 << 21)), itxt(b"a fox"))) == fox
    assert _provenance.extract(with_chunks(chunk(b"tEXt", "parameters\0狐狸".encode()))) == {"prompt": "狐狸"}
    assert _provenance.extract(xmp('{"a":1}', head="<?xml version='1.0'?>")) == {"a": 1}
    assert _provenance.extract(xmp(nested(50))) == json.loads(nested(50))


def test_a_colour_profile_is_unpacked_within_a_limit() -> None:
    """A bomb is stopped while it is unpacked, and the picture is shown without a profile."""
    for size, is_kept in ((1000, True), (1 << 20, True), (1 << 26, False)):
        profile = chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(size)))
        assert ("icc_profile" in _media.decode(with_chunks(profile)).info) == is_kept


@pytest.mark.parametrize("body", [b"VP8L\1\0\0\0\x2f\0", b"VP8 \6\0\0\0abc\x9d\x01\x2a", b"VP8X\1\0\0\0\0\0"])
def test_a_webp_without_a_size_stays_as_it_is(body: bytes) -> None:
    """A first chunk that is too short for width and height gives no header to write."""
    data = b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body
    assert _provenance.embed(data, MADE) == data


def test_a_block_that_another_tool_rewrote_takes_nothing_with_it() -> None:
    """Where our block has another form by now, the words behind it stay."""
    block = '<rdf:Description rdf:about="" xmlns:now="urn:now-jupyter:1" now:made="{}"/>'
    packet = FOREIGN.replace('<rdf:Description rdf:about="" xmlns:q', block + '<rdf:Description rdf:about="" xmlns:q')
    data = _provenance.embed(file_of("JPEG", xmp=packet.encode()), MADE)
    assert b"trainedAlgorithmicMedia" in opened(data).info["xmp"]
    assert _provenance.extract(data) == MADE
    cut = FOREIGN.replace("</rdf:Description></rdf:RDF>", block.replace("/>", "") + "</rdf:RDF>")
    assert b"trainedAlgorithmicMedia" in _provenance.embed(file_of("JPEG", xmp=cut.encode()), MADE)


def test_a_picture_full_of_our_marks_is_handled_at_once() -> None:
    """Thousands of openings of our block without an end cost no more than one look."""
    block = '<rdf:Description rdf:about="" xmlns:now="urn:now-jupyter:1"'
    data = file_of("WEBP", xmp=(block * 100_000).encode())
    assert _provenance.extract(_provenance.embed(data, MADE)) == MADE


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_hostile_bytes_never_raise(draw: st.DataObject) -> None:
    """Reading gives a dict or None and writing gives bytes, whatever was done to the file."""
    kind = draw.draw(st.sampled_from(KINDS))
    changed = bytearray(_provenance.embed(file_of(kind), MADE))
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(0, len(changed)))
        cut = draw.draw(st.sampled_from([0, 0, 1, 4, 50]))
        changed[at : at + cut] = draw.draw(st.binary(max_size=8))
    data = bytes(changed)
    made = _provenance.extract(data)
    assert made is None or isinstance(made, dict)
    again = _provenance.embed(data, MADE)
    assert again == data or _provenance.extract(again) in (MADE, None)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120), st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x40\0\0\0WEBP", b""]))
def test_junk_behind_a_right_beginning_never_raises(junk: bytes, head: bytes) -> None:
    """A magic number promises nothing."""
    assert _provenance.extract(head + junk) is None
    assert isinstance(_provenance.embed(head + junk, MADE), bytes)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["parameters", "Description", "Comment"]), JSON, max_size=3))
def test_odd_forms_of_other_tools_never_raise(texts: dict[str, Any]) -> None:
    """What stands under another tool's keyword may be any JSON; it gives a prompt or nothing."""
    chunks = [chunk(b"iTXt", key.encode() + b"\0\0\0\0\0" + json.dumps(value).encode()) for key, value in texts.items()]
    made = _provenance.extract(with_chunks(*chunks))
    assert made is None or isinstance(made["prompt"], str)


# other tools


@pytest.mark.parametrize(
    ("texts", "made"),
    [
        (
            {
                "parameters": "a fox,\nSteps: many\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, "
                'Seed: 42, Size: 512x768, Model hash: ab, Model: "dream, v8"'
            },
            {
                "prompt": "a fox,\nSteps: many",
                "model": "dream, v8",
                "params": {"negative": "blurry", "size": "512x768", "seed": 42},
                "dropped": ["Steps", "Sampler", "Model hash"],
                "tool": "AUTOMATIC1111",
            },
        ),
        (
            {"invokeai_metadata": '{"positive_prompt":"a fox","seed":7,"width":64,"height":32,"model":{"name":"m"}}'},
            {"prompt": "a fox", "model": "m", "params": {"size": "64x32", "seed": 7}},
        ),
        (
            {"parameters": '{"sui_image_params":{"prompt":"a fox","negativeprompt":"rain","cfgscale":7}}'},
            {"prompt": "a fox", "params": {"negative": "rain"}, "dropped": ["cfgscale"], "tool": "SwarmUI"},
        ),
        (
            {"Software": "NovelAI", "Description": "a fox", "Comment": '{"uc":"rain","seed":3,"steps":28}'},
            {
                "prompt": "a fox",
                "params": {"negative": "rain", "seed": 3},
                "dropped": ["steps"],
                "tool": "NovelAI",
            },
        ),
        ({"prompt": '{"3":{"class_type":"KSampler"}}', "workflow": "{}"}, {"tool": "ComfyUI"}),
        ({"parameters": "only a prompt"}, {"prompt": "only a prompt"}),
        ({"Comment": '{"prompt":"a fox"}'}, None),
        ({"Description": "a fox --v 7 Job ID: 01234567-89ab-cdef-0123-456789abcdef"}, {"prompt": "a fox --v 7"}),
        ({"Comment": "made with GIMP"}, None),
    ],
    ids=range(9),
)
def test_the_notes_of_other_tools_are_read(texts: dict[str, str], made: dict[str, Any] | None) -> None:
    """Pictures of AUTOMATIC1111 and Midjourney tell their prompt."""
    assert _provenance.extract(with_text(**texts)) == made


def test_a_description_in_xmp_is_a_prompt() -> None:
    """Where XMP of others describes the picture, that is the prompt."""
    words = '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
    words += "<rdf:li>a fox</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF>"
    data = file_of("JPEG", xmp=FOREIGN.replace("</rdf:RDF>", words).encode())
    assert _provenance.extract(data) == {"prompt": "a fox"}
