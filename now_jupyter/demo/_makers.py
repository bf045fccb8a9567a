"""Models of other makers at the images endpoint: their own fields, read into the ones that all others have."""

from collections.abc import Mapping
from typing import Any

from ._forms import Form, read_data_uri
from ._models import SIZE_PATTERN, Model, size_of
from ._wire import invalid_value

__all__ = ["read_makers_fields"]

_TIERS = ("512", "1K", "2K", "3K", "4K")


def read_makers_fields(form: Form, model: Model) -> Form:
    """Return the form with pixels, a count and files, in whichever fields the maker has them.

    Sizes may be `2K`, `16:9`, `1024*1024` or pixels, in `size`, `image_size`, `aspect_ratio` or inside `parameters`;
    pictures to refer to stand in `image` as one data URI or a list of them.
    """
    inner = form.fields.get("parameters")
    fields: dict[str, Any] = {**form.fields, **(inner if isinstance(inner, Mapping) else {})}
    fields["n"] = fields.get("n") or fields.get("batch_size") or fields.get("num_outputs")
    size, ratio = str(fields.get("size") or fields.get("image_size") or ""), str(fields.get("aspect_ratio") or "")
    fields["size"] = _pixels(size, ratio, model)
    given = fields.pop("image", None)
    links = given if isinstance(given, list) else [given] if given else []
    fields.pop("response_format", None)
    return Form(fields=fields, files=(*form.files, *(("image", read_data_uri(one)) for one in links)))


def _pixels(size: str, ratio: str, model: Model) -> str:
    plain = size.replace("*", "x")
    if SIZE_PATTERN.fullmatch(plain):
        return plain
    if size and ":" not in size and size.upper() not in (*_TIERS, "AUTO", "ADAPTIVE"):
        message = f"Invalid size: {size}. {model.name} takes {', '.join(_TIERS)}, ratios and pixels."
        raise invalid_value("size", message)
    shape = ratio or (size if ":" in size else "1:1")
    width, height = size_of(shape, size.upper())
    return f"{width}x{height}"
