"""How the text of an option becomes its value; what cannot be one is refused with what would be right.

Also what may not be sent at all, whoever typed it: NUL, halves of characters, and anything that looks like an API key.
No refusal of a key repeats it.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from numbers import Integral, Rational, Real

from .._json import JSON, canonical
from .._messages import InputError
from .._values import Money
from ._typed import STRICT_JSON, Deferred, reference_in, strip_quotes

__all__ = [
    "check_param",
    "checked_prompt",
    "plain_number",
    "read_amount",
    "read_compression",
    "read_count",
    "read_model",
    "read_name",
    "read_param",
    "read_price",
    "read_seed",
    "read_show",
    "read_size",
    "read_switch",
    "read_tag",
    "read_timeout",
    "refuse_credentials",
    "refuse_unsendable",
]

_LONGEST_PROMPT_BYTES = 64 * 1024
_MOST_PICTURES = 100
_LARGEST_SEED = (1 << 63) - 1
_MOST_BITS = 64  # beyond it nothing that reads JSON agrees on the value
_DEEPEST_JSON = 100
_MOST_DIGITS = 19
_SIZE = re.compile(r"(\d{1,5})\s*[x×*]\s*(\d{1,5})")
_RATIO = re.compile(r"(\d{1,4})\s*[:∶]\s*(\d{1,4})")  # U+2236 is the sign of ratio
_TIER = re.compile(r"[1-9]k")
_SECONDS = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?")
_SHAPES = {one: one for one in ("auto", "adaptive", "square", "portrait", "landscape")}  # adaptive: Seedream's auto
_SHAPES |= {"方": "square", "竖": "portrait", "横": "landscape"}
_AMOUNT = re.compile(
    r"(?P<before>[¥$€£]|[A-Z]{3}\s?)?(?P<number>\d{1,9}(?:\.\d{1,6})?)\s?(?P<after>元|[¥$€£]|[A-Z]{3})?"
)
_CURRENCIES: Mapping[str, str] = {"¥": "CNY", "元": "CNY", "$": "USD", "€": "EUR", "£": "GBP"}
_DEAREST = 10**7  # in whatever currency: more is a slip
_SWITCHES = {"on": True, "off": False, "true": True, "false": False, "开": True, "关": False}
_UNITS = {"张": "picture", "次": "call", "秒": "second", **{one: one for one in ("picture", "call", "second", "")}}
_PARAM = re.compile(r"(?P<key>[^=＝]*)[=＝](?P<value>.*)", re.DOTALL)
_FIELD = re.compile(r"[^\W\d][\w.-]*")
_KEY_OF_AN_API = re.compile(r"(?<![A-Za-z0-9_])sk-[A-Za-z0-9_-]{17,}")
_CREDENTIAL = re.compile(r"""[\s"']*[\w-]*?(?<![^\W_])(?:authorization|api[-_ ]?key)\b""", re.IGNORECASE)
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def refuse_unsendable(text: str) -> None:
    """Refuse text that must not or cannot go out."""
    if _KEY_OF_AN_API.search(text):
        raise _key_refused()
    if "\0" in text:
        raise InputError("the text holds a NUL character", advice="take it out")
    if _HALF_CHARACTER.search(text):
        raise InputError("the text holds half a character (a lone surrogate)", advice="type that character again")


def refuse_credentials(text: str) -> None:
    """Refuse an option that names a credential (`Authorization`, `api_key`), whatever its value."""
    if _CREDENTIAL.match(text):
        raise _key_refused()


def checked_prompt(prompt: str) -> str:
    """Return the prompt if it can be sent."""
    refuse_unsendable(prompt)
    if not prompt.strip():
        raise InputError(
            "there is no prompt",
            advice="write what the picture shall show",
        )
    if (size := len(prompt.encode())) > (limit := _LONGEST_PROMPT_BYTES):
        raise InputError(
            "the prompt is too long: {size} bytes, at most {limit}", advice="shorten it", size=size, limit=limit
        )
    return prompt


def plain_number(value: object) -> int | float | None:
    """Return a number of any make (NumPy's too) as Python's own; None for what is none, infinite, or a fraction."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        whole = int(value)
        return whole if whole.bit_length() <= _MOST_BITS else None
    if not isinstance(value, Real) or isinstance(value, Rational):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def read_model(text: str) -> str:
    """Read the name of a model; any printable name may be one."""
    name = text.strip()
    if not name or not name.isprintable():
        raise InputError("{value} is not a model name", advice="give a name such as gpt-image-2", value=text)
    return name


def read_count(text: str) -> int:
    """Read a number of pictures."""
    if (count := _whole(text, least=1, most=_MOST_PICTURES)) is None:
        raise InputError(
            "{value} is not a number of pictures",
            advice="give a whole number from 1 to {most}",
            value=text,
            most=_MOST_PICTURES,
        )
    return count


def read_size(text: str) -> str:
    """Read a size into its one form: `1024x1024`, `16:9`, `2K`, `portrait`, `auto`."""
    typed = unicodedata.normalize("NFKC", text).strip().lower()
    if _TIER.fullmatch(typed):
        return typed.upper()
    if size := _SHAPES.get(typed) or _two_numbers(_SIZE, typed, "x") or _two_numbers(_RATIO, typed, ":"):
        return size
    raise InputError(
        "{value} is not a size",
        advice="give WxH such as 1024x1024, a ratio such as 16:9, or square, portrait, landscape, auto",
        value=text,
    )


def read_compression(text: str) -> int:
    """Read a compression in percent."""
    if (percent := _whole(text, least=0, most=100)) is None:
        raise InputError("{value} is not a compression", advice="give a whole number from 0 to 100", value=text)
    return percent


def read_seed(text: str) -> int:
    """Read a seed."""
    if (seed := _whole(text, least=0, most=_LARGEST_SEED)) is None:
        raise InputError("{value} is not a seed", advice="give a whole number, 0 or greater", value=text)
    return seed


def read_timeout(text: str) -> float:
    """Read a time in seconds."""
    typed = unicodedata.normalize("NFKC", text).strip()
    seconds = float(typed) if _SECONDS.fullmatch(typed) else 0.0
    if not 0.0 < seconds < math.inf:
        raise InputError("{value} is not a time", advice="give seconds, more than 0, such as 90", value=text)
    return seconds


def read_amount(text: str) -> Money:
    """Read an amount of money: `10`, `¥10`, `$0.5`, `10 CNY`, `10元`; without a sign its currency is empty."""
    match = _AMOUNT.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if match is None or (match["before"] and match["after"]):
        raise InputError(
            "{value} is not an amount of money", advice="give a number such as 10, ¥10 or $0.5", value=text
        )
    sign = (match["before"] or match["after"] or "").strip()
    return Money(Decimal(match["number"]), _CURRENCIES.get(sign, sign), "reported")


def read_price(text: str) -> tuple[Money, str]:
    """Read a price: an amount of money, and for what: `0.3`, `¥0.3/picture`, `0.3/call`, `0.3元/秒`."""
    typed, _, unit = unicodedata.normalize("NFKC", text).partition("/")
    amount, what = read_amount(typed), _UNITS.get(unit.strip().lower())
    if what is None:
        raise InputError(
            "{value} is not what a price is for", advice="write ¥0.3/picture, ¥0.3/call or ¥0.3/second", value=unit
        )
    if amount.amount is None or amount.amount > _DEAREST:
        raise InputError("{value} cannot be meant as the price of one model", advice="give ¥0.3/picture", value=typed)
    return amount, what


def read_switch(text: str) -> bool:
    """Read on or off."""
    word = unicodedata.normalize("NFKC", text).strip().lower()
    if word not in _SWITCHES:
        raise InputError("{value} is neither on nor off", advice="give on or off", value=text)
    return _SWITCHES[word]


def read_show(text: str) -> str:
    """Read a way to show pictures."""
    way = text.strip().lower()
    if way not in ("preview", "full", "text", "none"):
        raise InputError("{value} is not a way to show pictures", advice="give preview, full, text or none", value=text)
    return way


def read_name(text: str) -> str:
    """Read the name under which the result is bound in the notebook, normalised as Python does."""
    name = unicodedata.normalize("NFKC", text.strip())
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise InputError(
            "{value} cannot name a result", advice="give a Python name such as fox, without _ in front", value=text
        )
    return name


def read_tag(text: str) -> str:
    """Read a tag."""
    tag = text.strip()
    if not tag or tag == "*" or not tag.isprintable():  # * is how the history marks a star
        raise InputError("{value} cannot be a tag", advice="give a word such as draft", value=text)
    return tag


def read_param(text: str) -> tuple[str, object]:
    """Read `KEY=VALUE`: VALUE is JSON, else a string; `{name}` in place of either is looked up later."""
    refuse_credentials(text)
    if name := reference_in(text):
        return text, Deferred(name)
    match = _PARAM.fullmatch(text)
    if match is None:
        raise InputError("{value} is not KEY=VALUE", advice="write for example -p moderation=low", value=text)
    key, value = match["key"].strip(), match["value"]
    if name := reference_in(value):
        return _check_field(key), Deferred(name)
    return check_param(key, _json_or_text(value))


def check_param(key: object, value: object) -> tuple[str, JSON]:
    """Return field and value if they can go into a request."""
    field, form = _check_field(key), _as_json(value, _DEEPEST_JSON)
    refuse_unsendable(canonical(form))
    return field, form


def _key_refused() -> InputError:
    return InputError(
        "this looks like an API key; it was neither kept nor sent",
        advice="it stands in the notebook now: withdraw it at the relay, make a new one, give that to %now login",
    )


def _whole(text: str, *, least: int, most: int) -> int | None:
    digits = text.strip()
    number = int(digits) if digits.isdecimal() and len(digits) <= _MOST_DIGITS else -1
    return number if least <= number <= most else None


def _two_numbers(pattern: re.Pattern[str], text: str, sign: str) -> str | None:
    match = pattern.fullmatch(text)
    numbers = [int(part) for part in match.groups()] if match else []
    return sign.join(map(str, numbers)) if numbers and all(numbers) else None


def _check_field(key: object) -> str:
    if not isinstance(key, str) or not _FIELD.fullmatch(key):
        raise InputError("{value} is not the name of a field", advice="write for example -p moderation=low", value=key)
    refuse_credentials(key)
    if key == "prompt":
        raise InputError("the prompt cannot be set with -p")
    if key == "model":
        raise InputError("the model cannot be set with -p", advice="use --model")
    if key == "n":  # what is counted and paid for hangs on it
        raise InputError("the number of pictures cannot be set with -p", advice="use --n")
    return key


def _json_or_text(text: str) -> object:
    begins_like_json = text.startswith(("{", "[", '"'))
    if not begins_like_json and (inner := strip_quotes(text)) is not None:
        return inner
    try:
        return STRICT_JSON.decode(text)
    except (ValueError, RecursionError):
        if not begins_like_json:
            return text
    raise InputError(
        "{value} begins like JSON and is none",
        advice="mend it, or put it in single quotes to send it as text",
        value=text,
    )


def _as_json(value: object, depth: int) -> JSON:
    if value is None or isinstance(value, str | bool):
        return value
    if (number := plain_number(value)) is not None:
        return number
    if depth and isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        for name in value:
            refuse_credentials(name)
        return {name: _as_json(one, depth - 1) for name, one in value.items()}
    if depth and isinstance(value, list | tuple):
        return [_as_json(one, depth - 1) for one in value]
    raise InputError(
        "a value of type {kind} cannot go into a request as it is",
        advice="give text, numbers, lists or dicts of them",
        kind=type(value).__name__,
    )
