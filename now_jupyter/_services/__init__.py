"""How each service of a relay is spoken to."""

from __future__ import annotations

from ._models import Model, is_picture_model, known_model, preferred_model, well_known_names
from ._openai_images import body_of, warnings_for
from ._registry import ENGINES, engine_for

__all__ = [
    "ENGINES",
    "Model",
    "body_of",
    "engine_for",
    "is_picture_model",
    "known_model",
    "preferred_model",
    "warnings_for",
    "well_known_names",
]
