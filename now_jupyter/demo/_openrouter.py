"""OpenRouter's own images path: ratio and tier apart, references in the body, the exact cost in the answer."""

from typing import Any

from ._forms import Form, read_data_uri, read_json
from ._images import Images
from ._models import SIZE_PATTERN, size_of
from ._wire import Request, Response, invalid_value, json_response
from ._wishes import answer_wished

__all__ = ["OpenRouter"]

_OWN = ("aspect_ratio", "resolution", "input_references", "provider", "stream")
_RATIO_SLACK = 0.02


class OpenRouter:
    """The images API of OpenRouter, over this relay's painter."""

    def __init__(self, images: Images) -> None:
        """Draw with this relay's images endpoint."""
        self._images = images

    async def generate(self, request: Request) -> Response:
        """Draw a prompt, after references if there are any."""
        fields = dict(read_json(request))
        given = {name: fields.pop(name, None) for name in _OWN}
        references = given["input_references"] or []
        files = tuple(("image", read_data_uri(_link_of(one))) for one in references)
        fields |= {"model": str(fields.get("model") or "").rpartition("/")[2], "size": _size(given, fields.get("size"))}
        form = Form(fields=fields, files=files)
        job = self._images.accept(request, form, event="image_edit" if files else "image_generation")
        if (instead := answer_wished(job.wishes)) is not None:
            return instead
        await self._images.wait(job)
        value = await self._images.finish(job)
        items = [{**one, "media_type": job.order.media_type} for one in value["data"]]
        usage = {**value.get("usage", {}), "cost": job.order.price}
        return json_response({"created": value["created"], "data": items, "usage": usage})


def _size(given: dict[str, Any], size: object) -> str:
    """Return the pixels; a size that differs in ratio is refused."""
    ratio, tier = given["aspect_ratio"], given["resolution"]
    pixels = SIZE_PATTERN.fullmatch(str(size or ""))
    if pixels is None:
        width, height = size_of(str(ratio or "1:1"), str(tier or "1K"))
        return f"{width}x{height}"
    wanted = size_of(str(ratio), "1K") if ratio else None
    if wanted and abs(int(pixels[1]) / int(pixels[2]) - wanted[0] / wanted[1]) > _RATIO_SLACK:
        message = f"size {size} does not match aspect_ratio {ratio}"
        raise invalid_value("size", message)
    return str(size)


def _link_of(reference: object) -> object:
    link = reference.get("image_url") if isinstance(reference, dict) else reference
    return link.get("url") if isinstance(link, dict) else link
