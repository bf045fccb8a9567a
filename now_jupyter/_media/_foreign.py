"""How other tools note in a picture how it was made; read as far as it is cheap, believed in nothing but text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .._json import JSON

__all__ = ["read_foreign"]

_STEPS = re.compile(r"^Steps: \d", re.MULTILINE)
_NEGATIVE = "Negative prompt:"
_PAIRS = re.compile(r'(?:^|, )([A-Z][\w ]{0,40}): ("(?:[^"\\]|\\.)*"|[^,]*)')
_MOST_NODES = 2000
_LONGEST_CHAIN = 8
_LEADING_ON = ("text", "text_g", "string", "value", "conditioning")
_JOB_ID = re.compile(r"\s+Job ID: [0-9a-f-]{36}\s*$")


def read_foreign(texts: Mapping[str, str]) -> dict[str, JSON] | None:
    """Read prompt, and what else is plain, from the texts in a picture; None where no known tool wrote them."""
    for keyword, read in _TOOLS.items():
        if keyword in texts and (made := _try(read, texts[keyword])):
            return made
    return None


def _try(read: Callable[[str], dict[str, JSON] | None], text: str) -> dict[str, JSON] | None:
    try:
        made = read(text)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return None
    return made if made and isinstance(made.get("prompt"), str) and made["prompt"] else None


def _parameters(text: str) -> dict[str, JSON] | None:
    return _swarmui(text) if text.startswith("{") and "sui_image_params" in text else _automatic1111(text)


def _automatic1111(text: str) -> dict[str, JSON] | None:
    """Read `prompt`, `Negative prompt: …`, `Steps: 20, Sampler: …`, each on lines of its own."""
    last = max(_STEPS.finditer(text), key=re.Match.start, default=None)
    said, settings = (text[: last.start()], text[last.start() :]) if last else (text, "")
    prompt, _, negative = said.partition(_NEGATIVE)
    facts = dict(_PAIRS.findall(settings[:4000]))
    made: dict[str, JSON] = {"prompt": prompt.strip()}
    params: dict[str, JSON] = {"negative_prompt": negative.strip()} if negative.strip() else {}
    if size := facts.get("Size"):
        params["size"] = size
    if model := facts.get("Model"):
        made["model"] = model.strip('"')
    if (seed := facts.get("Seed", "")).isdecimal():
        made["seed"] = int(seed)
    return {**made, "params": params} if params else made


def _comfyui(text: str) -> dict[str, JSON] | None:
    """Read a graph of nodes: the sampler's `positive` leads to the prompt, else the longest text is it."""
    nodes = [node for node in list(_object(text).items())[:_MOST_NODES] if isinstance(node[1], dict)]
    graph = {str(name): node.get("inputs") or {} for name, node in nodes}
    led = [_follow(graph, inputs["positive"]) for inputs in graph.values() if "positive" in inputs]
    found = [one for one in led if one] or sorted(_texts(graph), key=len, reverse=True)
    return {"prompt": found[0]} if found else None


def _follow(graph: Mapping[str, Any], link: Any) -> str | None:  # noqa: ANN401 - JSON of others
    for _ in range(_LONGEST_CHAIN):
        if not isinstance(link, list) or not link:
            return link if isinstance(link, str) else None
        inputs = graph[str(link[0])]
        link = next((inputs[name] for name in _LEADING_ON if name in inputs), None)
    return None


def _texts(graph: Mapping[str, Any]) -> Iterator[str]:
    return (inputs["text"] for inputs in graph.values() if isinstance(inputs.get("text"), str))


def _invokeai(text: str) -> dict[str, JSON] | None:
    facts = _object(text)
    made: dict[str, JSON] = {"prompt": facts["positive_prompt"]}
    return {**made, "seed": facts["seed"]} if type(facts.get("seed")) is int else made


def _swarmui(text: str) -> dict[str, JSON] | None:
    facts = _object(text)["sui_image_params"]
    made: dict[str, JSON] = {"prompt": facts["prompt"]}
    if isinstance(facts.get("model"), str):
        made["model"] = facts["model"]
    return {**made, "seed": facts["seed"]} if type(facts.get("seed")) is int else made


def _description(text: str) -> dict[str, JSON] | None:
    return {"prompt": _JOB_ID.sub("", text).strip()}


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value


_TOOLS: Mapping[str, Callable[[str], dict[str, JSON] | None]] = {
    "parameters": _parameters,
    "prompt": _comfyui,
    "invokeai_metadata": _invokeai,
    "Description": _description,
}
