"""The one table of media types: how their files begin, what they are called, and what can be done with them.

What a file is, is read from its first bytes and believed from nowhere else. A type that is not in this table is no
file that the package keeps as an output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ._files import use_plain_file

__all__ = [
    "MEDIA_TYPES",
    "Kind",
    "MediaType",
    "can_show",
    "head_of",
    "identify",
    "identify_words",
    "is_inline",
    "is_web_page",
    "media_type",
]

Kind: TypeAlias = Literal["picture", "video", "audio", "words", "vectors"]

HEAD = 4096  # bytes that are looked at: comments and a DTD may stand before the first tag
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_PROLOG = r"\ufeff?\s*+(?>(?:<\?.*?\?>|<!--.*?-->)\s*)*+"  # atomic, so that hostile text costs one pass
_SVG = re.compile(_PROLOG + r"<(?:svg\b|!doctype\s+svg)", re.IGNORECASE | re.DOTALL)
_WEB_PAGE = re.compile(
    _PROLOG + r"<(?:!doctype\s+html|html|head|body|script|title|meta|h1|div|center)", re.IGNORECASE | re.DOTALL
)
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class MediaType:
    """A row of the table.

    `suffixes` have their dot, the first is the one that files get; `begins` is a pattern of their first bytes;
    `pillow` is Pillow's name of the type where it can decode it. `native` types are read part by part, decoded before
    they are kept, and written; those `shown` go as they are into the panel's full view, "inline" also into notebooks.
    """

    mime: str
    name: str
    suffixes: tuple[str, ...]
    begins: bytes = b"(?!)"
    pillow: str = ""
    native: bool = False
    shown: Literal["", "browser", "inline"] = ""

    @property
    def kind(self) -> Kind:
        """Which kind of output files of this type are."""
        kinds: dict[str, Kind] = {"image": "picture", "video": "video", "audio": "audio"}
        return kinds.get(self.mime.partition("/")[0], "words")

    @property
    def suffix(self) -> str:
        """The suffix that files of this type get."""
        return self.suffixes[0]


# The first row that fits is taken. Containers of the ISO family say after `ftyp` which one they are.
MEDIA_TYPES = (
    MediaType("image/png", "PNG", (".png",), rb"\x89PNG\r\n\x1a\n", pillow="Png", native=True, shown="inline"),
    MediaType("image/jpeg", "JPEG", (".jpg", ".jpeg"), rb"\xff\xd8\xff", pillow="Jpeg", native=True, shown="inline"),
    MediaType("image/webp", "WebP", (".webp",), rb"RIFF.{4}WEBP", pillow="WebP", native=True, shown="browser"),
    MediaType("image/gif", "GIF", (".gif",), rb"GIF8[79]a", pillow="Gif", shown="browser"),
    MediaType("image/avif", "AVIF", (".avif",), rb"\0\0..ftyp(?:avi[fs]|mif1.{4}(?:.{4}){0,8}avi[fs])", pillow="Avif"),
    MediaType("image/heic", "HEIC", (".heic", ".heif"), rb"\0\0..ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)"),
    MediaType("image/svg+xml", "SVG", (".svg",)),  # told by its text
    MediaType("image/bmp", "BMP", (".bmp",), rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", pillow="Bmp"),
    MediaType("image/tiff", "TIFF", (".tiff", ".tif"), rb"II\*\0|MM\0\*", pillow="Tiff"),
    MediaType("audio/mp4", "M4A", (".m4a",), rb"\0\0..ftypM4[AB] "),
    MediaType("video/quicktime", "MOV", (".mov",), rb"\0.{3}(?:ftypqt  |moov|mdat|wide|free)"),
    MediaType("video/mp4", "MP4", (".mp4", ".m4v"), rb"\0\0..ftyp"),
    MediaType("video/webm", "WebM", (".webm",), rb"\x1aE\xdf\xa3.{0,60}webm"),
    MediaType("audio/mpeg", "MP3", (".mp3",), rb"ID3[\x02-\x04]|\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef]"),
    MediaType("audio/wav", "WAV", (".wav",), rb"RIFF.{4}WAVE"),
    MediaType("audio/opus", "Opus", (".opus",), rb"OggS.{24}OpusHead"),
    MediaType("audio/ogg", "Ogg", (".ogg", ".oga"), rb"OggS"),
    MediaType("audio/flac", "FLAC", (".flac",), rb"fLaC"),
    MediaType("audio/aac", "AAC", (".aac",), rb"\xff[\xf0\xf1\xf8\xf9][\x40-\xbf]"),
    MediaType("application/pdf", "PDF", (".pdf",), rb"%PDF-"),
    MediaType("application/json", "JSON", (".json",)),  # what reads JSON decides
    MediaType("text/plain", "text", (".txt",)),
)
_BY_NAME = {name: one for one in MEDIA_TYPES for name in (one.mime, *one.suffixes)}


def media_type(name: str) -> MediaType | None:
    """Return the type with this MIME type or suffix (`image/png`, `.png`); None where the table has none."""
    return _BY_NAME.get(name.lower())


def can_show(name: str) -> bool:
    """Whether previews can be made of files of this MIME type or suffix."""
    return (media := media_type(name)) is not None and bool(media.pillow)


def is_inline(name: str) -> bool:
    """Whether notebooks show files of this MIME type or suffix as they are."""
    return (media := media_type(name)) is not None and media.shown == "inline"


def identify(source: bytes | Path) -> MediaType | None:
    """Return the type of a file by its first bytes; None where it is none of the table's.

    Raises:
        BadImageError: the file at this path cannot be read.
    """
    head = head_of(source)
    known = next((one for one in MEDIA_TYPES if re.match(one.begins, head, re.DOTALL)), None)
    return known or (media_type(".svg") if _SVG.match(_text_of(head)) else None)


def head_of(source: bytes | Path) -> bytes:
    """Return the first bytes, which tell the type."""
    return source[:HEAD] if isinstance(source, bytes) else use_plain_file(source, lambda file: file.read(HEAD))


def identify_words(head: bytes) -> MediaType | None:
    """Return the type of what was announced as words or vectors: JSON or plain text; None where it is neither."""
    text = head[:HEAD].decode("utf-8", "ignore")
    if not text.strip() or _CONTROLS.search(text) or is_web_page(head):
        return None
    return media_type(".json" if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") else ".txt")


def is_web_page(head: bytes) -> bool:
    """Whether these bytes begin a web page, as links that have expired often give one."""
    return _WEB_PAGE.match(_text_of(head[:HEAD])) is not None


def _text_of(head: bytes) -> str:
    return head.decode("utf-16" if head.startswith(_UTF16_MARKS) else "utf-8", "replace")
