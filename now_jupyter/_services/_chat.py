"""Pictures through `/chat/completions`: models that draw while they talk, in the three dialects that relays have.

Google's dialect puts size and ratio into `extra_body`, OpenRouter's and LiteLLM's into `image_config` beside
`modalities`; what sits in front of a web page reads them as the first words of the prompt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress

from .._json import Fields, text_of
from .._protocol import (
    Ask,
    Body,
    Call,
    Charge,
    Conversation,
    Fit,
    Found,
    Listed,
    Offer,
    Option,
    Outcome,
    Plan,
    Reply,
    Service,
)
from ._decoder import read_pictures, require_output
from ._mapping import fields, file_of, joined, pictures_in, require_prompt
from ._models import draws_behind_a_page, family_of, is_gemini, is_of_another_kind, looks_like_pictures
from ._sizes import RATIOS, TIERS, take_shape

__all__ = ["Chat"]

_PATH = "/chat/completions"
_OPTIONS: Mapping[str, Option] = {"size": Option(values=("auto", *RATIOS, *TIERS))}
_RAW: Mapping[str, Option] = {
    "aspect_ratio": Option(values=RATIOS),
    "image_size": Option(values=TIERS),
    "stream": Option(),
    "temperature": Option(),
}
_OWN = ("model", "messages", "prompt")
_REFERENCES = 14
_WITH_MODALITIES = ("openrouter", "litellm", "vercel")
# Lines with progress; with a link and nothing else, named or not.
_PASSING = re.compile(r"^(?:>.*|(?:\[[^\]\n]{0,40}\]\()?https?://[^\s)]*+\)?)[ \t]*+$", re.MULTILINE)


class Chat(Service):
    """The chat endpoint, of which a picture is asked."""

    name = "chat"
    examples = ("gemini-3-pro-image-preview",)

    def offer(self, listed: Listed) -> Offer:
        """Return what is known of a family that draws here; others only on the user's word, as words are billed."""
        is_known, is_page = is_gemini(listed), draws_behind_a_page(listed)
        has_modalities = "image" in listed.makes or listed.relay in _WITH_MODALITIES
        talks = {"image", "text"} <= set(listed.makes) and family_of(listed) is None
        fit = Fit.LIKELY if looks_like_pictures(listed) and not is_of_another_kind(listed) else Fit.ASKED
        return Offer(
            model=listed.name,
            fit=Fit.NAMED if is_known or is_page or talks else fit,
            known=is_known,
            dialect="modalities" if has_modalities and not is_page else "google" if is_known else "words",
            options=_OPTIONS,
            raw=_RAW,
            inputs={"picture": _REFERENCES, "vary": 1},
        )

    def plan(self, ask: Ask) -> Plan:
        """Return one message with the prompt and the pictures that belong to it."""
        sent, remarks = fields(ask, own=_OWN)
        shape = take_shape(sent)
        dialect, prompt = ask.offer.dialect, require_prompt(ask)
        if dialect == "words":
            prompt = " ".join((*shape.values(), prompt))
        body: dict[str, Body] = {
            "model": ask.offer.model,
            "messages": [{"role": "user", "content": _content(ask, prompt)}],
            **_config(dialect, shape),
        }
        if ask.previews or dialect == "words":
            body["stream"] = True  # behind a page it takes minutes, and the stream says how far it is
        body = joined(body, sent)
        return Plan(
            call=Call(path=_PATH, json=body, expects="events" if body.get("stream") is True else "json"),
            charge=Charge(name=ask.offer.model),
            remarks=tuple(remarks),
        )

    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        """Read the pictures, and the words beside them."""
        del memo
        reading = yield from read_pictures(reply)
        if reading.count and (words := _told(reading.words)):
            yield Found(key="words", kind="words", words=words, is_side=True)
        return require_output(reading, reply)


def _content(ask: Ask, prompt: str) -> Body:
    if not (pictures := pictures_in(ask.request)):
        return prompt
    links: list[Body] = [{"type": "image_url", "image_url": {"url": file_of(one, "data-uri")}} for one in pictures]
    return [{"type": "text", "text": prompt}, *links]


def _config(dialect: str, shape: Mapping[str, str]) -> dict[str, Body]:
    if dialect == "modalities":
        return {"modalities": ["image", "text"], **({"image_config": dict(shape)} if shape else {})}
    return {"extra_body": {"google": {"image_config": dict(shape)}}} if dialect == "google" and shape else {}


def _told(words: str) -> str:
    """Return what the model said itself: no progress, no second link; of the JSON that some begin with, the prompt."""
    words = _PASSING.sub("", words).strip()
    if words.startswith("{"):
        with suppress(ValueError):
            said, end = json.JSONDecoder().raw_decode(words)
            words = f"{text_of(said.get('prompt'))}\n{words[end:]}".strip()
    return words
