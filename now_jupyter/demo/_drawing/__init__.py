"""Drawings: a prompt and a seed in, a picture worth looking at out.

Everything a drawing shows follows from its `Sketch`; a sketch drawn at another size shows the same composition.
"""

from ._caption import sign
from ._compose import compose, draw, recognise
from ._finish import encode, is_picture, open_picture, rough
from ._repaint import compose_over, repaint
from ._sketch import Sketch
from ._text import system_fonts

__all__ = [
    "Sketch",
    "compose",
    "compose_over",
    "draw",
    "encode",
    "is_picture",
    "open_picture",
    "recognise",
    "repaint",
    "rough",
    "sign",
    "system_fonts",
]
