"""How a picture was made, kept inside its file as XMP: written without touching a pixel, read from hostile bytes.

XMP stands in an iTXt chunk of PNG, in an APP1 segment of JPEG (a record too long for one is not put in), in a chunk of
WebP that the VP8X header announces. A file with a C2PA signature is signed over its bytes, so nothing is put into it.
XMP of others is kept: ours is one `rdf:Description` more in their packet, told by its namespace, so that embedding
twice replaces.

What is encoded anew says again that it was generated: `label` puts in IPTC's `DigitalSourceType`, in the words of the
picture that it was made from where that has some, and China's `AIGC` as it stood there. Nothing here takes one out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import unescape
from typing import Literal, NamedTuple, TypeAlias
from xml.sax.saxutils import escape

from .._json import JSON, digest, read_json
from .._messages import BadImageError
from ._containers import (
    VP8X_XMP,
    DamagedError,
    Part,
    body_of,
    find_part,
    jpeg_segments,
    png_chunk,
    png_chunks,
    riff_chunk,
    webp_chunks,
    webp_file,
)
from ._decoding import open_picture
from ._foreign import read_foreign, texts_in
from ._types import identify

__all__ = [
    "Labels",
    "SourceType",
    "carry_packet",
    "embed",
    "extract",
    "is_signed",
    "label",
    "labels_in",
    "restore_original",
    "source_type",
]

SourceType = Literal["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia"]
Labels: TypeAlias = tuple[str, str]
"""The source type, and China's label as it stands in the XMP; empty where there is none."""

_OURS = "now_jupyter"
_LARGEST = 1 << 20
_LARGEST_SEGMENT = 65_533
_MADE = re.compile(r"<now:made[^<>]{0,200}>([^<]*)</now:made>")
_DESCRIBED = re.compile(r"<dc:description[^<>]{0,200}>\s*+(?:<rdf:Alt[^<>]{0,200}>\s*+<rdf:li[^<>]{0,200}>)?([^<]*)</")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BLOCK_START = '<rdf:Description rdf:about="" xmlns:now="urn:now-jupyter:1"'
_BLOCK_END = "</rdf:Description>"
_EMPTY_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
)
_END_OF_RDF = "</rdf:RDF>"
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_SOURCE_TYPE = re.compile(rf"DigitalSourceType\b[^<]{{0,200}}?{re.escape(_SOURCE_TYPES)}(\w{{1,60}})")
_AIGC = re.compile(r""":AIGC\s*+(?:=\s*+"([^"]*)"|=\s*+'([^']*)'|>([^<>]*)<)""")
_LABELS_START = '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
_AIGC_SPACE = ' xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"'
_VP8X_ALPHA = 0x10
_VP8X_SIZE = 10  # flags, reserved, width, height
_UNREADABLE = (ValueError, TypeError, KeyError, RecursionError, OverflowError, SyntaxError)  # the last is Pillow's


def embed(data: bytes, made: Mapping[str, JSON]) -> bytes:
    """Return the same picture with `made` in it; bytes that cannot hold it, or are signed, come back as they are."""
    return _rewrite(data, lambda packet: _packet(packet, made))


def extract(data: bytes) -> dict[str, JSON] | None:
    """Return how a picture was made: what `embed` wrote, else what other tools wrote; None where there is nothing.

    The file that stands beside a signed picture says it, too.
    """
    try:
        if data.startswith(b"{"):
            return _read_made(data) or None
        form, parts = _parts_of(data)
        if form is None:
            return None
        packet = _sane_packet(data, form, parts)
        text = "" if b"<!DOCTYPE" in packet else packet.decode()
        if blocks := _MADE.findall(text):
            return _read_made(unescape(blocks[-1]))  # one that another tool has rewritten may stand before it
        described = _DESCRIBED.search(text)
        words = {"Description": unescape(described[1])} if described else {}
        return read_foreign(words | texts_in(data, parts))
    except _UNREADABLE:
        return None


def is_signed(data: bytes) -> bool:
    """Whether these bytes carry a C2PA signature, which any other byte in the file would break; it is not verified."""
    try:
        form, parts = _parts_of(data)
        return form is not None and find_part(data, parts, *form.signature) is not None
    except DamagedError:
        return False


# Labels: that a picture was generated


def label(data: bytes, like: Sequence[bytes | Labels] = (), kind: SourceType = "trainedAlgorithmicMedia") -> bytes:
    """Return the same picture, saying that it was generated; one that says so, or is signed, comes back as it is.

    Args:
        data: A picture, encoded.
        like: The pictures that it shows, or their labels, which it gets.
        kind: What is said for those that say nothing; where they say different things, it is a composite.
    """
    said = [labels_in(one) if isinstance(one, bytes) else one for one in like]
    kinds = {source or kind for source, _ in said} or {kind}
    source = kinds.pop() if len(kinds) == 1 else "compositeWithTrainedAlgorithmicMedia"
    found = next((aigc for _, aigc in said if aigc), "")

    def add(packet: str) -> str:
        if _SOURCE_TYPE.search(packet):
            return packet
        return _into(packet, _labels(source, "" if _AIGC.search(packet) else found))

    return _rewrite(data, add)


def source_type(made: Mapping[str, JSON]) -> SourceType:
    """Return what kind of picture it is, by how it was made: what was made of other pictures is a composite."""
    if made.get("demo"):
        return "algorithmicMedia"
    return "compositeWithTrainedAlgorithmicMedia" if made.get("inputs") else "trainedAlgorithmicMedia"


def carry_packet(data: bytes, source: bytes) -> bytes:
    """Return a picture that was encoded anew with the XMP of the one that it was made from."""
    packet = _packet_of(source)
    return _rewrite(data, lambda _: packet) if packet else data


def labels_in(data: bytes) -> Labels:
    """Return what a picture says of how it came about."""
    packet = _packet_of(data)
    source, aigc = _SOURCE_TYPE.search(packet), _AIGC.search(packet)
    return source[1] if source else "", aigc[aigc.lastindex or 0] if aigc else ""


def _labels(source: str, aigc: str) -> str:
    said = f"<Iptc4xmpExt:DigitalSourceType>{_SOURCE_TYPES}{source}</Iptc4xmpExt:DigitalSourceType>"
    kept = f"<TC260:AIGC>{escape(unescape(aigc))}</TC260:AIGC>" if aigc else ""
    return f"{_LABELS_START}{_AIGC_SPACE if aigc else ''}>{said}{kept}{_BLOCK_END}"


def _packet_of(data: bytes) -> str:
    """Return the XMP of a picture; empty where there is none that can be read."""
    try:
        form, parts = _parts_of(data)
        return _sane_packet(data, form, parts).decode() if form else ""
    except (DamagedError, BadImageError, UnicodeError):
        return ""


def _sane_packet(data: bytes, form: _Form, parts: list[Part]) -> bytes:
    part = find_part(data, parts, *form.xmp)
    return b"" if part is None or part.last - part.first > _LARGEST else _packet_in(data, form, part)


def _rewrite(data: bytes, change: Callable[[str], str]) -> bytes:
    """Return the same picture with its XMP changed; bytes that cannot hold it, or are signed, come back as they are."""
    try:
        form, parts = _parts_of(data)
        if form is None or find_part(data, parts, *form.signature):
            return data
        old = find_part(data, parts, *form.xmp)
        before = _packet_in(data, form, old).decode("utf-8", "replace")
        after = change(before)
        return data if after == before else form.write(data, parts, old, form.xmp[1] + after.encode())
    except (DamagedError, BadImageError):
        return data


def _packet_in(data: bytes, form: _Form, part: Part | None) -> bytes:
    return body_of(data, part)[len(form.xmp[1]) :] if part else b""


def _json_of(made: Mapping[str, JSON]) -> str:
    """Write JSON that may stand in XML and in UTF-8; the odd characters can only be within strings."""
    text = json.dumps(dict(made), ensure_ascii=False, separators=(",", ":"))
    return _NOT_XML.sub(lambda odd: f"\\u{ord(odd[0]):04x}", text)


def _read_made(text: str | bytes) -> dict[str, JSON] | None:
    made = read_json(text)
    return made if isinstance(made, dict) else None


# Back to the bytes as they came


def restore_original(data: bytes, sha256: str) -> bytes | None:
    """Return the file of this digest from one that `label` and `embed` have added to; None where it is not that one."""
    try:
        return next((one for one in _without_ours(data) if digest(one) == sha256), None)
    except (DamagedError, BadImageError, UnicodeError):
        return None


def _without_ours(data: bytes) -> Iterator[bytes]:
    """Yield what a file may have been before something of ours was put into it."""
    yield data
    form, parts = _parts_of(data)
    old = find_part(data, parts, *form.xmp) if form else None
    if form is None or old is None or old.last - old.first > _LARGEST:
        return
    recipeless = _without_our_block(_packet_in(data, form, old).decode())
    for packet in dict.fromkeys([recipeless, _without_our_label(recipeless)]):
        if packet == _EMPTY_PACKET:
            yield from _without_part(data, parts, old)
        else:
            yield form.write(data, parts, old, form.xmp[1] + packet.encode())


def _without_part(data: bytes, parts: list[Part], part: Part) -> Iterator[bytes]:
    if parts[0].kind != b"VP8X":
        yield data[: part.start] + data[part.end :]
        return
    rest, behind = [data[one.start : one.end] for one in parts[1:] if one != part], data[parts[-1].end :]
    flags, *others = body_of(data, parts[0])
    yield webp_file([riff_chunk(b"VP8X", bytes([flags & ~VP8X_XMP, *others])), *rest], rest=behind)
    yield webp_file(rest, rest=behind)  # a simple file had no such header


# The packet


def _packet(foreign: str, made: Mapping[str, JSON]) -> str:
    """Return a packet with our block in it; `foreign` is the packet that was there."""
    packet = _without_our_block(foreign)
    prompt = made.get("prompt")
    spaces, words = _common_words(packet, _NOT_XML.sub("", prompt) if isinstance(prompt, str) else "")
    block = f"{_BLOCK_START}{spaces}><now:made>{escape(_json_of(made))}</now:made>{words}{_BLOCK_END}"
    return _into(packet, block)


def _into(packet: str, block: str) -> str:
    """Return a packet with one description more; what is no packet is replaced."""
    before, end, after = (packet if _END_OF_RDF in packet else _EMPTY_PACKET).rpartition(_END_OF_RDF)
    return f"{before}{block}{end}{after}"


def _without_our_block(packet: str) -> str:
    before, start, rest = packet.partition(_BLOCK_START)
    ours, end, after = rest.partition(_BLOCK_END)
    is_whole = start and end and "<rdf:Description" not in ours  # another tool may have written it anew
    return before + after if is_whole else packet


def _without_our_label(packet: str) -> str:
    before, start, rest = packet.rpartition(_LABELS_START)
    _label, end, after = rest.partition(_BLOCK_END)
    return before + after if start and end else packet


def _common_words(packet: str, prompt: str) -> tuple[str, str]:
    """Return description and tool in the common vocabulary, where nobody else has given them."""
    spaces = words = ""
    if prompt and "description" not in packet:
        spaces += ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
        item = f'<rdf:li xml:lang="x-default">{escape(prompt[:2000])}</rdf:li>'
        words += f"<dc:description><rdf:Alt>{item}</rdf:Alt></dc:description>"
    if "CreatorTool" not in packet:
        spaces += ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        words += f"<xmp:CreatorTool>{_OURS}</xmp:CreatorTool>"
    return spaces, words


# Its place in each type of file


def _write_png(data: bytes, parts: list[Part], old: Part | None, body: bytes) -> bytes:
    start, end = (old.start, old.end) if old else (parts[0].end, parts[0].end)
    return data[:start] + png_chunk(b"iTXt", body) + data[end:]


def _write_jpeg(data: bytes, parts: list[Part], old: Part | None, body: bytes) -> bytes:
    if len(body) > _LARGEST_SEGMENT:
        return data
    start = old.start if old else next(one.start for one in parts if not _wants_to_be_first(data, one))
    return data[:start] + b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body + data[old.end if old else start :]


def _wants_to_be_first(data: bytes, segment: Part) -> bool:
    return segment.kind == b"\xe0" or data.startswith(b"Exif\0", segment.first, segment.last)


def _write_webp(data: bytes, parts: list[Part], old: Part | None, body: bytes) -> bytes:
    kept = [data[one.start : one.end] for one in parts if one != old and one.kind != b"VP8X"]
    return webp_file([_vp8x(data, parts[0]), *kept, riff_chunk(b"XMP ", body)], rest=data[parts[-1].end :])


def _vp8x(data: bytes, first: Part) -> bytes:
    """Return the header that announces metadata; a simple file gets one, with its size and alpha flag."""
    if first.kind == b"VP8X":
        body = body_of(data, first)
        if len(body) < _VP8X_SIZE:
            raise DamagedError("it has no size")
        return riff_chunk(b"VP8X", bytes([body[0] | VP8X_XMP]) + body[1:])
    image = open_picture(data).image
    flags = VP8X_XMP | (_VP8X_ALPHA if image.mode == "RGBA" else 0)
    canvas = b"".join((side - 1).to_bytes(3, "little") for side in image.size)
    return riff_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + canvas)


class _Form(NamedTuple):
    """A type of file: its parts, the kind and beginning of its XMP part and of its signature, and who writes XMP."""

    parts: Callable[[bytes], Iterator[Part]]
    xmp: tuple[bytes, bytes]
    signature: tuple[bytes, bytes]
    write: Callable[[bytes, list[Part], Part | None, bytes], bytes]


_FORMS = {
    "image/png": _Form(png_chunks, (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0"), (b"caBX", b""), _write_png),
    "image/jpeg": _Form(jpeg_segments, (b"\xe1", b"http://ns.adobe.com/xap/1.0/\0"), (b"\xeb", b"JP"), _write_jpeg),
    "image/webp": _Form(webp_chunks, (b"XMP ", b""), (b"C2PA", b""), _write_webp),
}


def _parts_of(data: bytes) -> tuple[_Form | None, list[Part]]:
    """Return how files of this type hold XMP, and the parts of this one; None where it can hold none."""
    media = identify(data)
    form = _FORMS.get(media.mime) if media else None
    parts = list(form.parts(data)) if form else []
    return (form, parts) if parts else (None, [])
