"""Gemini's own wire, `/v1beta/models/{model}:generateContent`, for relays that offer only that."""

from __future__ import annotations

from dataclasses import replace

from .._json import JSON, Fields, dig, text_of
from .._protocol import (
    Ask,
    Body,
    Call,
    Charge,
    Conversation,
    Fit,
    Found,
    Input,
    Listed,
    Offer,
    Option,
    Outcome,
    Plan,
    Reply,
    Service,
)
from ._decoder import read_pictures, require_output
from ._finding import without_pictures
from ._mapping import fields, file_of, joined, pictures_in, require_prompt
from ._models import is_gemini
from ._sizes import RATIOS, TIERS, take_shape

__all__ = ["Gemini"]

_PATH = "/v1beta/models/{}:generateContent"
_PUBLISHED = ("gemini", ":generateContent")
_CHAT = ("openai", "/chat/completions")
_HEADERS = {"Authorization": "Bearer {key}", "x-goog-api-key": "{key}"}  # relays take one or the other
_WIRE = {"aspect_ratio": "aspectRatio", "image_size": "imageSize"}
_REFERENCES = 14


class Gemini(Service):
    """The endpoint of Google's models, as relays hand it through."""

    name = "gemini"

    def offer(self, listed: Listed) -> Offer | None:
        """Return what is known of the models that draw; chat goes before, unless the relay names only this."""
        if not is_gemini(listed):
            return None
        is_named = any(path.rstrip("/").endswith(_PUBLISHED) for path in listed.paths)
        has_chat = any(path.rstrip("/").endswith(_CHAT) for path in listed.paths)
        return Offer(
            model=listed.name,
            fit=Fit.PUBLISHED if is_named and not has_chat else Fit.LIKELY,
            options={"size": Option(values=("auto", *RATIOS, *TIERS)), "seed": Option()},
            raw={"aspect_ratio": Option(values=RATIOS), "image_size": Option(values=TIERS)},
            inputs={"picture": _REFERENCES, "vary": 1},
        )

    def plan(self, ask: Ask) -> Plan:
        """Return one content with the prompt and the pictures that belong to it."""
        sent, remarks = fields(ask, own=("model", "contents", "prompt"))
        shape = {_WIRE[name]: value for name, value in take_shape(sent).items()}
        pictures = [_part(one) for one in pictures_in(ask.request)]
        config: dict[str, Body] = {"responseModalities": ["TEXT", "IMAGE"], **({"imageConfig": shape} if shape else {})}
        if "seed" in sent:
            config["seed"] = sent.pop("seed")
        body: dict[str, Body] = {
            "contents": [{"role": "user", "parts": [{"text": require_prompt(ask)}, *pictures]}],
            "generationConfig": config,
        }
        return Plan(
            call=Call(
                path=_PATH,
                ids=(ask.offer.model.rpartition("/")[2],),
                base="host",
                json=joined(body, sent),
                headers=_HEADERS,
            ),
            charge=Charge(name=ask.offer.model),
            remarks=tuple(remarks),
        )

    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        """Read the pictures, and the words beside them."""
        del memo
        reading = yield from read_pictures(reply)
        words = _words(reply.body)
        if reading.count and words:
            yield Found(key="words", kind="words", words=words, is_side=True)
        return require_output(replace(reading, words=words), reply)


def _part(picture: Input) -> Body:
    file = file_of(picture, "base64")
    return {"inlineData": {"mimeType": "image/png" if file.convert else picture.mime or "image/png", "data": file}}


def _words(body: JSON) -> str:
    parts = dig(body, "candidates", 0, "content", "parts")
    said = (text_of(dig(part, "text")) for part in parts if not dig(part, "thought")) if isinstance(parts, list) else ()
    return without_pictures("\n".join(one for one in said if one))
