"""How AUTOMATIC1111 and Midjourney note in a picture how it was made; believed in nothing but text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .._json import JSON

__all__ = ["read_foreign"]

_STEPS = re.compile(r"^Steps: \d", re.MULTILINE)
_PAIRS = re.compile(r'(?:^|, )([A-Z][\w ]{0,40}): ("(?:[^"\\]|\\.)*"|[^,]*)')
_JOB_ID = re.compile(r"\s+Job ID: [0-9a-f-]{36}\s*$")


def read_foreign(texts: Mapping[str, str]) -> dict[str, JSON] | None:
    """Read prompt, and what else is plain, from the texts in a picture; None where no known tool wrote them."""
    if "parameters" in texts:
        made = _automatic1111(texts["parameters"])
    else:
        made = {"prompt": _JOB_ID.sub("", texts.get("Description", "")).strip()}
    return made if made["prompt"] else None


def _automatic1111(text: str) -> dict[str, JSON]:
    """Read `prompt`, `Negative prompt: …`, `Steps: 20, Sampler: …`, each on lines of its own."""
    last = max(_STEPS.finditer(text), key=re.Match.start, default=None)
    said, settings = (text[: last.start()], text[last.start() :]) if last else (text, "")
    prompt, _, negative = said.partition("Negative prompt:")
    facts = dict(_PAIRS.findall(settings[:4000]))
    made: dict[str, JSON] = {"prompt": prompt.strip()}
    if model := facts.get("Model"):
        made["model"] = model.strip('"')
    if (seed := facts.get("Seed", "")).isdecimal() and len(seed) < 20:  # noqa: PLR2004 - digits of 64 bits
        made["seed"] = int(seed)
    params: dict[str, JSON] = {"negative_prompt": negative.strip(), "size": facts.get("Size", "")}
    given = {name: value for name, value in params.items() if value}
    return {**made, "params": given} if given else made
