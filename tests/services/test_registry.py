"""Plug-ins: looked for once, when first needed, and left out with a reason where they are no service."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest

from now_jupyter._messages import InputError
from now_jupyter._services import _registry, builtin_names, refused_plugins, service_named, services
from now_jupyter._services._openai_images import OpenAIImages

GROUP = "now_jupyter.services.v1"


class Plugged(OpenAIImages):
    name = "plugged"


class Failing(Plugged):
    def __init__(self) -> None:
        message = "no licence"
        raise RuntimeError(message)


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give entry points to the registry, by name and value; count how often they are looked for."""
    module = ModuleType("plugged_in")
    module.__dict__.update(Plugged=Plugged, Failing=Failing, value=Plugged(), number=7, images=OpenAIImages)
    monkeypatch.setitem(sys.modules, "plugged_in", module)
    asked: list[str] = []

    def plug_in(**points: str) -> list[str]:
        every = [EntryPoint(name.replace("_", "-"), value, GROUP) for name, value in points.items()]

        def look(*, group: str) -> list[EntryPoint]:
            asked.append(group)
            return every

        monkeypatch.setattr(_registry, "entry_points", look)
        return asked

    _registry._look.cache_clear()
    yield plug_in
    _registry._look.cache_clear()


def test_a_plug_in_is_a_service_behind_ours(plug: Any) -> None:
    """A class or a value will do; it is looked for once."""
    for value in ("plugged_in:Plugged", "plugged_in:value"):
        _registry._look.cache_clear()
        asked = plug(plugged=value)
        assert services()[-1].name == "plugged"
        assert service_named("plugged") is services()[-1]
        assert refused_plugins() == {}
    assert asked == [GROUP, GROUP]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("plugged", "plugged_in:Failing", "no licence"),
        ("plugged", "not_installed:X", "ModuleNotFoundError"),
        ("plugged", "plugged_in:gone", "AttributeError"),
        ("plugged", "plugged_in:number", "int"),
        ("other", "plugged_in:Plugged", "plugged"),
        ("openai_images", "plugged_in:images", "already"),
    ],
)
def test_what_is_no_service_is_left_out_with_the_reason(plug: Any, name: str, value: str, reason: str) -> None:
    """It costs nobody an order; doctor says why, in either language."""
    plug(**{name: value})
    assert tuple(one.name for one in services()) == builtin_names()
    (said,) = refused_plugins().values()
    assert reason in said
    assert refused_plugins("zh") != refused_plugins()


def test_an_installation_that_is_found_twice_counts_once(plug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(plugged="plugged_in:Plugged")
    point = EntryPoint("plugged", "plugged_in:Plugged", GROUP)
    monkeypatch.setattr(_registry, "entry_points", lambda *, group: [point, point])  # noqa: ARG005 - its signature
    assert services()[-1].name == "plugged"
    assert refused_plugins() == {}


def test_an_unknown_service_names_the_closest_or_all() -> None:
    """A misspelt service is refused before anything is recorded."""
    for name in ("openia-images", "qqq"):
        with pytest.raises(InputError, match=name) as caught:
            service_named(name)
        assert "openai-images" in caught.value.next_step()
