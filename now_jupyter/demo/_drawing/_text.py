"""Letters: fonts that have them, lines that fit, and never a box in place of a character."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

__all__ = [
    "ELLIPSIS",
    "FONT_NAMES",
    "MAX_FONT_FILES",
    "NOWHERE",
    "Font",
    "FontFinder",
    "choose_font",
    "fold",
    "readable",
    "system_fonts",
]

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
FontFinder = Callable[[], Sequence[Path]]
ELLIPSIS = "…"
# No font has this code point: it looks as any missing character looks.
NOWHERE = "\U0010fffe"
FONT_NAMES = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "NotoSansSC-Regular.ttf",
    "SourceHanSansSC-Regular.otf",
    "SourceHanSansCN-Regular.otf",
    "SourceHanSans-Regular.ttc",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "STHeiti Medium.ttc",
    "msyh.ttc",
    "msyh.ttf",
    "simhei.ttf",
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
    "uming.ttc",
    "NotoSerifCJK-Regular.ttc",
    "simsun.ttc",
    "DejaVuSans.ttf",
)
MAX_FONT_FILES = 20_000


@lru_cache(maxsize=1)
def system_fonts() -> Sequence[Path]:
    """Return the fonts of this computer that may help with Chinese, the handsomest first."""
    found: dict[str, Path] = {}
    for path in _font_files():
        if path.name in FONT_NAMES:
            found.setdefault(path.name, path)
    return tuple(found[name] for name in FONT_NAMES if name in found)


def choose_font(text: str, size: int, find_fonts: FontFinder) -> Font:
    """Return the font that has most of the text; Pillow's own where no other has more."""
    best: Font = ImageFont.load_default(size)
    missing = _count_missing(text, best)
    for path in find_fonts() if missing else ():
        font = _open(path, size)
        if font is not None and (without := _count_missing(text, font)) < missing:
            best, missing = font, without
    return best


def readable(text: str, font: Font) -> str:
    """Return the text in one line without the characters that the font has not."""
    kept = "".join(letter for letter in text if letter.isspace() or _has(font, letter))
    return " ".join(kept.split())


def fold(text: str, font: Font, width: float, lines: int) -> list[str]:
    """Break a text into at most so many lines of this width; what does not fit ends in an ellipsis."""
    rest = text
    folded: list[str] = []
    while rest and len(folded) < lines:
        line = _longest(rest, font, width)
        if not line:
            break
        rest = rest[len(line) :].lstrip()
        folded.append(line.rstrip())
    if rest and folded:
        folded[-1] = _shortened(folded[-1], font, width)
    return folded


def _longest(text: str, font: Font, width: float) -> str:
    # No line has more characters than pixels, so long prompts cost nothing.
    text = text[: max(1, int(width))]
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= width else (low, middle - 1)
    if low == len(text):
        return text
    return _at_word_end(text, low)


def _at_word_end(text: str, end: int) -> str:
    """Step back to the last blank, unless a Chinese text breaks anywhere or a word fills the line."""
    if not (text[end].isascii() and text[end - 1].isascii()) or text[end].isspace():
        return text[:end]
    space = text.rfind(" ", 0, end)
    return text[: space + 1] if space > end // 2 else text[:end]


def _shortened(line: str, font: Font, width: float) -> str:
    mark = ELLIPSIS if _has(font, ELLIPSIS) else "..."
    while line and font.getlength(line + mark) > width:
        line = line[:-1]
    return line.rstrip(" ,.;:，。、；：") + mark


def _count_missing(text: str, font: Font) -> int:
    return sum(1 for letter in set(text) if not letter.isspace() and not _has(font, letter))


def _has(font: Font, letter: str) -> bool:
    if not letter.isprintable():
        return False
    return _looks(font, letter) != _looks(font, NOWHERE)


def _looks(font: Font, letter: str) -> bytes:
    mask = font.getmask(letter)
    return bytes(mask) + repr(mask.size).encode()


def _open(path: Path, size: int) -> Font | None:
    try:
        font = ImageFont.truetype(str(path), size, index=_simplified(path))
    except OSError:
        return None
    # Where Pillow cannot read a file, it looks for another one of that name.
    return font if font.path == str(path) else None


@lru_cache(maxsize=32)
def _simplified(path: Path) -> int:
    """Return which face of a collection is the simplified Chinese one."""
    for index in range(12 if path.suffix == ".ttc" else 0):
        try:
            name = ImageFont.truetype(str(path), 12, index=index).getname()[0] or ""
        except OSError:
            break
        if "SC" in name.split() or name.endswith("SC"):
            return index
    return 0


def _font_files() -> Iterator[Path]:
    seen = 0
    for folder in _font_folders():
        for root, _, names in os.walk(folder):
            for name in names:
                seen += 1
                if seen > MAX_FONT_FILES:
                    return
                yield Path(root, name)


def _font_folders() -> tuple[Path, ...]:
    home = Path.home()
    if sys.platform == "win32":
        windows = Path(os.environ.get("WINDIR", r"C:\Windows"))
        return (windows / "Fonts", home / "AppData/Local/Microsoft/Windows/Fonts")
    if sys.platform == "darwin":
        return (Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts")
    return (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".local/share/fonts", home / ".fonts")
