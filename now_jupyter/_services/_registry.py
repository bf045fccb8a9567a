"""All services: ours, one line each, then those of plug-ins, looked for once, when first needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from .._messages import InputError, Language, NowImageError, plain
from .._options import closest
from .._protocol import Service
from ._chat import Chat
from ._gemini import Gemini
from ._ideogram import Ideogram
from ._image_tasks import ImageTasks
from ._midjourney import Midjourney
from ._openai_images import OpenAIImages
from ._openrouter_images import OpenRouterImages

__all__ = ["GROUP", "builtin_names", "refused_plugins", "service_named", "services"]

GROUP = "now_jupyter.services.v1"  # the number rises when an older plug-in would lose money or pictures
_OURS: tuple[Service, ...] = (
    OpenAIImages(),
    Chat(),
    OpenRouterImages(),
    Gemini(),
    ImageTasks(),
    Midjourney(),
    Ideogram(),
)
_LONGEST_NAME = 40


def builtin_names() -> tuple[str, ...]:
    """Return the names of our own services; no plug-in is looked for."""
    return tuple(one.name for one in _OURS)


def services() -> tuple[Service, ...]:
    """Return all services in the order of the registry, plug-ins last."""
    return _look()[0]


def service_named(name: str) -> Service:
    """Return the service of that name.

    Raises:
        InputError: there is none; names the closest, or all.
    """
    known = {one.name: one for one in services()}
    if name in known:
        return known[name]
    near = closest(name, known)
    raise InputError(
        "there is no service {service}",
        advice="did you mean {near}?" if near else "known services: {known}",
        service=name,
        near=near or "",
        known=", ".join(known),
    )


def refused_plugins(language: Language = "en") -> Mapping[str, str]:
    """Return why plug-ins are left out, by the name of their entry point."""
    return {name: one.in_language(language).message() for name, one in _look()[1].items()}


@cache
def _look() -> tuple[tuple[Service, ...], Mapping[str, NowImageError]]:
    found = {one.name: one for one in _OURS}
    refused: dict[str, NowImageError] = {}
    for point in sorted(set(entry_points(group=GROUP))):  # an installation that is found twice counts once
        service = _load(point, taken=found)
        if isinstance(service, Service):
            found[service.name] = service
        else:
            refused[plain(point.name, _LONGEST_NAME)] = service
    return tuple(found.values()), refused


def _load(point: EntryPoint, *, taken: Mapping[str, Service]) -> Service | NowImageError:
    try:
        loaded = point.load()
        service = loaded() if isinstance(loaded, type) else loaded
        name = getattr(service, "name", None)
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - a plug-in that cannot be loaded costs nobody an order
        return NowImageError("it cannot be loaded: {reason}", reason=f"{type(problem).__name__}: {problem}")
    if not isinstance(service, Service):
        return NowImageError("it is no service, but {kind}", kind=type(service).__name__)
    if name != point.name:
        return NowImageError("it calls itself {name}, not as its entry point does", name=plain(name, _LONGEST_NAME))
    if name in taken:
        return NowImageError("there is a service of that name already")
    return service
