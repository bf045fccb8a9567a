"""What the relay lists, by free calls: models, what they make, where they live, and what they cost.

Relays write their lists in many shapes; whatever one tells is taken, and nothing of it may stand in the way of making
pictures. Beside the list there is new-api's `/api/pricing`, LiteLLM's `/model/info`, and OpenRouter's list of models
that draw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from .._bounds import Amount, Bounded, plain
from .._json import Texts, amount_of, dig, number_of
from .._messages import ConnectFailed, NowImageError
from .._protocol import Listed
from .._services import makes_pictures, usual_service
from .._transport import RelayClient
from ._own_price import OwnPrice
from ._questions import ask, items_in

__all__ = ["ListedModel", "Price", "Published", "family_at", "read_models", "read_published"]

_OPENROUTER, _LITELLM = "openrouter", "litellm"
_HOSTS: Mapping[str, str] = {".openrouter.ai": _OPENROUTER, ".ai-gateway.vercel.sh": "vercel"}
_LONGEST_NAME = 200
_MOST_PATHS = 20
_NAMES = ("id", "name", "model", "model_name", "model_id", "slug")
_PATHS = ("supported_endpoint_types", "supported_endpoints", "endpoints")
_MAKES = ("output_modalities", "supported_output_modalities", "categories", "type", "types")
_PICTURES = re.compile(r"images?(?:[-_ ](?:generations?|edit(?:s|ing)?))?")
_PICTURE_TYPES = ("文生图", "图像", "图片", "绘图", "绘画")
_OTHER_KINDS = re.compile(
    r"text|chat|llm|language|complet|code|embed|rerank|moderat|audio|speech|music|transcri|video|视频|音频"
)
_BECOMES = re.compile(r"[-_ ]to[-_ ]|->|(?<=[a-z])2(?=[a-z])")  # between what goes in and what comes out
_OF_OPENROUTER = ("canonical_slug", "top_provider", "supports_streaming")
_MODES: Mapping[str, str] = {
    "image_generation": "/images/generations",
    "image_edit": "/images/edits",
    "chat": "/chat/completions",
    "responses": "/responses",
}
_PIXELS = 1024 * 1024  # of the usual size
_PER_PICTURE: Mapping[str, int] = {
    "output_cost_per_image": 1,
    "input_cost_per_image": 1,
    "cost_per_image": 1,
    "output_cost_per_pixel": _PIXELS,
    "input_cost_per_pixel": _PIXELS,
}
_CENT_OF_CENT = Decimal("0.0001")
_BY_TOKENS = ("prompt", "completion", "input", "output", "internal_reasoning")
_BY_CALL = ("request", "per_request", "flat", "image_output", "output_image", "image")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """One model of the relay's list, with its price where the relay tells, and the user's own."""

    listed: Listed
    price: Price | None = None
    own: OwnPrice | None = None

    @property
    def name(self) -> str:
        """The model's name, as it is asked for."""
        return self.listed.name

    @property
    def makes_pictures(self) -> bool:
        """Whether a service of ours makes pictures with it."""
        return makes_pictures(self.listed)

    @property
    def service(self) -> str:
        """The service that is asked where the user names none; empty where none is known to do anything with it."""
        return usual_service(self.listed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Bounded):
    """A model's price in relay dollars: `per_call`, or by tokens (`per_call` is None)."""

    per_call: Amount | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a relay tells beside its list, by the models' names: prices, where they live, what they make.

    `relay` is its family, where this tells.
    """

    prices: Mapping[str, Price] = field(default_factory=dict)
    paths: Mapping[str, Texts] = field(default_factory=dict)
    makes: Mapping[str, Texts] = field(default_factory=dict)
    relay: str = ""

    def add_to(self, one: ListedModel) -> ListedModel:
        """Return a model of the list with what is told of it here."""
        known = one.listed
        paths = dict.fromkeys((*known.paths, *self.paths.get(known.name, ())))
        makes = dict.fromkeys((*known.makes, *self.makes.get(known.name, ())))
        listed = replace(known, paths=tuple(paths), makes=tuple(makes), relay=known.relay or self.relay)
        return replace(one, listed=listed, price=self.prices.get(known.name, one.price))


def family_at(origin: str) -> str:
    """Return the family of relays that lives at an address, as far as its name tells; else nothing."""
    host = f".{urlsplit(origin).hostname}"
    return next((family for name, family in _HOSTS.items() if host.endswith(name)), "")


# The list


async def read_models(client: RelayClient) -> list[ListedModel]:
    """List the models that the key may use, sorted by name, with the prices that stand in the list itself."""
    items = items_in(await ask(client, "/models"))
    relay = family_at(client.origin) or _family_of(items)
    models = {one.name: one for item in items if (one := _read_model(item, relay)) is not None}
    if relay == _OPENROUTER:
        with suppress(NowImageError):  # the other list holds only what can talk
            for item in items_in(await ask(client, "/images/models")):
                if (one := _read_model({"output_modalities": ["image"], **item}, relay)) is not None:
                    models.setdefault(one.name, one)
    return sorted(models.values(), key=lambda one: one.name)


def _family_of(items: list[Mapping[str, Any]]) -> str:
    """Return the family that writes its list so."""
    return (
        _OPENROUTER if any("pricing" in item and any(name in item for name in _OF_OPENROUTER) for item in items) else ""
    )


def _read_model(item: Mapping[str, Any], relay: str) -> ListedModel | None:
    names = [one for key in _NAMES if isinstance(one := item.get(key), str) and one]
    if not names or plain(names[0], _LONGEST_NAME) != names[0]:
        return None
    name = names[0]
    listed = Listed(name=name, paths=_paths_in(item), makes=tuple(dict.fromkeys(_makes_in(item))), relay=relay)
    return ListedModel(listed=listed, price=_price_in(item.get("pricing")))


def _paths_in(item: Mapping[str, Any]) -> Texts:
    named = [one for key in _PATHS for one in _texts(item.get(key))]
    mode = item.get("mode")
    return (*named[:_MOST_PATHS], *([_MODES[mode]] if isinstance(mode, str) and mode in _MODES else []))


def _makes_in(item: Mapping[str, Any]) -> Iterator[str]:
    modality = dig(item, "architecture", "modality")
    words = [word for place in (dig(item, "architecture"), item) for key in _MAKES for word in _texts(dig(place, key))]
    if isinstance(modality, str) and "->" in modality:
        words += modality.rpartition("->")[2].split("+")
    for word in words[:_MOST_PATHS]:
        bare = _BECOMES.split(word[:_LONGEST_NAME].strip().lower())[-1]
        if _PICTURES.fullmatch(bare) or bare in _PICTURE_TYPES:
            yield "image"
        elif _OTHER_KINDS.search(bare):  # others, such as "model" or "base", do not tell what comes out
            yield bare


def _texts(value: object) -> list[str]:
    """Return the texts in what should be a list of texts; of fields, their names."""
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | Mapping) else []


def _price_in(pricing: object) -> Price | None:
    """Return the price that stands in a list: of a call where nothing is counted by tokens."""
    if not isinstance(pricing, Mapping):
        return None
    tokens = [amount_of(pricing.get(name)) for name in _BY_TOKENS]
    calls = [amount_of(pricing.get(name)) for name in _BY_CALL]
    if any(tokens):
        return Price(per_call=None)
    return next((Price(per_call=one) for one in calls if one), None)


# What is told beside it


async def read_published(client: RelayClient, *, once: bool = False) -> Published:
    """Read what a relay tells of its models beside the list, from the first place that tells anything.

    Raises:
        NowImageError: none does; the first one's error.
    """
    problem: NowImageError | None = None
    for way in (_by_pricing, _by_model_info):
        try:
            published = await way(client, once=once)
            if published.prices or published.paths:
                return published
        except ConnectFailed:
            raise
        except NowImageError as error:
            problem = problem or error
    if problem is not None:
        raise problem
    return Published()


async def _by_pricing(client: RelayClient, *, once: bool) -> Published:
    """Read new-api's price list: prices in relay dollars for the default group, names of endpoints with their paths."""
    body = await ask(client, "/api/pricing", base="host", once=once)
    ratio = number_of(dig(body, "group_ratio", "default")) or Decimal(1)
    places = dig(body, "supported_endpoint")
    named = {str(item.get("model_name")): item for item in items_in(body)}
    prices = {name: _price(item, ratio) for name, item in named.items()}
    return Published(
        prices={name: price for name, price in prices.items() if price is not None},
        paths={name: paths for name, item in named.items() if (paths := _resolved(_paths_in(item), places))},
    )


def _price(item: Mapping[str, Any], ratio: Decimal) -> Price | None:
    if item.get("quota_type") != 1:
        return Price(per_call=None)
    amount = amount_of(item.get("model_price"))
    return None if amount is None or ratio < 0 else Price(per_call=amount * ratio)


def _resolved(names: Texts, places: object) -> Texts:
    """Return the names of endpoints, each followed by the path that the relay gives for it."""
    paths = [(name, dig(places, name, "path") or dig(places, name)) for name in names]
    return tuple(one for name, path in paths for one in (name, *([path] if isinstance(path, str) else [])))


async def _by_model_info(client: RelayClient, *, once: bool) -> Published:
    """Read what LiteLLM's proxy knows: modes and prices."""
    items = items_in(await ask(client, "/model/info", base="host", once=once))
    told = {str(item.get("model_name")): info for item in items if isinstance(info := item.get("model_info"), Mapping)}
    prices = {name: _price_of_info(info) for name, info in told.items()}
    return Published(
        prices={name: price for name, price in prices.items() if price is not None},
        paths={name: paths for name, info in told.items() if (paths := _paths_in(info))},
        makes={name: tuple(_makes_in(info)) for name, info in told.items()},
        relay=_LITELLM if told else "",
    )


def _price_of_info(info: Mapping[str, Any]) -> Price | None:
    is_for_pictures = str(info.get("mode")).startswith("image_")  # others take pictures, and say what that costs
    for name, times in _PER_PICTURE.items():
        each = amount_of(info.get(name)) if is_for_pictures or name.startswith("output") else None
        if each:  # nothing is what it writes where it does not know
            return Price(per_call=(each * times).quantize(_CENT_OF_CENT))
    by_tokens = any(amount_of(value) for name, value in info.items() if str(name).endswith("_token"))
    return Price(per_call=None) if by_tokens else None
