"""Each service's conversation, and what its models are known to take.

A new service is one file here and one line in `_ENGINES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .._messages import InputError
from .._protocol import Engine
from ._models import Model, is_picture_model, known_model, preferred_model, resolve_size, well_known_names
from ._openai_images import OpenAIImages, body_of, warnings_for

__all__ = [
    "ENGINES",
    "Model",
    "body_of",
    "engine_for",
    "is_picture_model",
    "known_model",
    "preferred_model",
    "resolve_size",
    "warnings_for",
    "well_known_names",
]

ENGINES: Mapping[str, Engine] = MappingProxyType({"openai": OpenAIImages()})


def engine_for(service: str, engines: Mapping[str, Engine] = ENGINES) -> Engine:
    """Find the engine of a service.

    Raises:
        InputError: there is none of that name.
    """
    if engine := engines.get(service):
        return engine
    raise InputError(
        "there is no service {service}", advice="known services: {known}", service=service, known=", ".join(engines)
    )
