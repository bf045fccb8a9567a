"""From the prompt's words to a scene: what it shows, in which colours and weather."""

import hashlib
import random
from collections.abc import Callable, Sequence

from PIL import Image

from ._abstract import contours, ribbons, shapes
from ._animals import bird, cat, fox, rabbit
from ._birds import heron, owl
from ._canvas import Canvas
from ._caption import sign
from ._coast import lake, lighthouse, whale
from ._nature import forest, mountains, rain, sea, snow
from ._palette import Palette, choose_palette
from ._plants import flowers
from ._sketch import Sketch
from ._text import FontFinder, system_fonts
from ._town import city, planet

__all__ = [
    "ANIMALS",
    "ANY_SCENE",
    "MAX_COMPOSED_PIXELS",
    "RAINY",
    "SCENES",
    "SNOWY",
    "SUBJECTS",
    "Animal",
    "Scene",
    "compose",
    "draw",
    "is_named",
    "recognise",
]

Scene = Callable[[Canvas, Palette, random.Random], None]
Animal = Callable[[Canvas, Palette, random.Random, str], None]
# Large pictures are composed at this many pixels and enlarged; a drawing has no finer detail than that.
MAX_COMPOSED_PIXELS = 1_700_000

ANIMALS: tuple[tuple[Animal, Sequence[str]], ...] = (
    (owl, ("owl", "猫头鹰", "鸮")),  # before the cat, whose sign is in its name
    (fox, ("fox", "狐", "wolf", "狼", "dog", "狗", "puppy")),
    (cat, ("cat", "kitten", "猫", "tiger", "虎", "lion")),
    (rabbit, ("rabbit", "bunny", "hare", "兔")),
    (heron, ("heron", "crane", "egret", "stork", "鹭", "鹤", "鹳")),
    (bird, ("bird", "sparrow", "robin", "parrot", "鸟", "雀", "鹰")),
)
SCENES: tuple[tuple[Scene, Sequence[str]], ...] = (
    (lighthouse, ("lighthouse", "灯塔")),
    (whale, ("whale", "鲸")),
    (lake, ("lake", "湖")),
    (sea, ("boat", "ship", "sail", "sea", "ocean", "wave", "beach", "船", "舟", "海", "浪")),
    (planet, ("planet", "space", "galaxy", "astronaut", "cosmos", "rocket", "宇宙", "太空", "星球", "火箭")),
    (
        city,
        ("city", "town", "street", "skyline", "tokyo", "cyberpunk", "building", "house", "城", "街", "楼", "房", "屋"),
    ),
    (
        flowers,
        (
            "flower",
            "rose",
            "lotus",
            "tulip",
            "garden",
            "plant",
            "botanical",
            "blossom",
            "leaf",
            "花",
            "莲",
            "草",
            "叶",
            "玫瑰",
        ),
    ),
    (forest, ("forest", "tree", "wood", "pine", "jungle", "森", "林", "树", "竹")),
    (
        mountains,
        (
            "mountain",
            "valley",
            "hill",
            "landscape",
            "mist",
            "snow",
            "山",
            "谷",
            "雾",
            "峰",
            "风景",
            "雪",
            "江",
            "河",
        ),
    ),
    (shapes, ("bauhaus", "geometric", "poster", "logo", "pattern", "icon", "几何", "海报", "标志", "图案")),
    (contours, ("map", "contour", "island", "topograph", "地图", "岛", "等高")),
    (ribbons, ("abstract", "wind", "music", "dream", "flow", "wallpaper", "抽象", "风", "音乐", "梦")),
)
ANY_SCENE: tuple[Scene, ...] = (mountains, sea, forest, city, flowers, planet, ribbons, contours, shapes)
SUBJECTS = (*(names for _, names in ANIMALS), next(names for scene, names in SCENES if scene is flowers))
SNOWY = ("snow", "winter", "blizzard", "雪", "冬")
RAINY = ("rain", "storm", "雨")


def draw(sketch: Sketch, *, find_fonts: FontFinder = system_fonts) -> Image.Image:
    """Draw a sketch and sign it as a demonstration."""
    return sign(compose(sketch), sketch, find_fonts=find_fonts)


def compose(sketch: Sketch) -> Image.Image:
    """Draw a sketch without caption or mark."""
    prompt = sketch.prompt.lower()
    rng = random.Random(sketch.seed)  # noqa: S311 - a picture, not a secret
    # A prompt without colours keeps its palette, whichever picture of it this is.
    has_subject = any(is_named(prompt, names) for names in SUBJECTS)
    palette = choose_palette(prompt, random.Random(_number(prompt)), has_subject=has_subject)  # noqa: S311
    canvas = Canvas(_composed_size(sketch.size), palette.between(0.6), transparent=sketch.transparent)
    _paint(canvas, palette, rng, prompt)
    if any(word in prompt for word in SNOWY):
        snow(canvas, rng)
    if any(word in prompt for word in RAINY):
        rain(canvas, palette, rng)
    picture = canvas.finish()
    return picture if picture.size == sketch.size else picture.resize(sketch.size, Image.Resampling.BICUBIC)


def recognise(prompt: str) -> str:
    """Return what the demo will draw of a prompt by its words; empty where it knows none of them."""
    drawn = [painter.__name__ for painter, names in (*ANIMALS, *SCENES) if is_named(prompt.lower(), names)]
    return drawn[0] if drawn else ""


def _paint(canvas: Canvas, palette: Palette, rng: random.Random, prompt: str) -> None:
    for animal, names in ANIMALS:
        if is_named(prompt, names):
            animal(canvas, palette, rng, prompt)
            return
    named = [scene for scene, names in SCENES if is_named(prompt, names)]
    scene = named[0] if named else ANY_SCENE[_number(prompt) % len(ANY_SCENE)]
    scene(canvas, palette, rng)


def is_named(prompt: str, names: Sequence[str]) -> bool:
    """Whether the prompt has one of these words: whole in English, anywhere in Chinese."""
    words = set("".join(letter if letter.isalnum() and letter.isascii() else " " for letter in prompt).split())
    singular = words | {word.removesuffix(end) for word in words for end in ("s", "es")}
    return any(name in singular if name.isascii() else name in prompt for name in names)


def _number(prompt: str) -> int:
    return int(hashlib.sha256(prompt.strip().encode()).hexdigest()[:12], 16)


def _composed_size(size: tuple[int, int]) -> tuple[int, int]:
    pixels = size[0] * size[1]
    if pixels <= MAX_COMPOSED_PIXELS:
        return size
    share = (MAX_COMPOSED_PIXELS / pixels) ** 0.5
    return (max(1, round(size[0] * share)), max(1, round(size[1] * share)))
