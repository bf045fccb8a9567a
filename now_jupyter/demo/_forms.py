"""Request bodies as plain fields: JSON objects and multipart forms, read the same way."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from ._wire import Refusal, Request, invalid_request, invalid_value

__all__ = ["MAX_PARTS", "Form", "parse_json", "read_data_uri", "read_form", "read_json", "require_multipart"]

MAX_PARTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of one body; files keep the order in which they came."""

    fields: Mapping[str, Any]
    files: tuple[tuple[str, bytes], ...] = field(default=())

    def text(self, name: str, default: str = "") -> str:
        """Return a field as text; absent and null are the default."""
        value = self.fields.get(name)
        return default if value is None else str(value)

    def whole_number(self, name: str, default: int) -> int:
        """Return a field as an integer, given as a number or as digits."""
        value = self.fields.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise invalid_value(name, f"Invalid type for '{name}': expected an integer.")
        try:
            return int(value)
        except ValueError:
            raise invalid_value(name, f"Invalid type for '{name}': expected an integer, but got {value!r}.") from None

    def flag(self, name: str) -> bool:
        """Return a field as yes or no."""
        return self.fields.get(name) in (True, "true", "True", "1")

    def uploads(self, name: str) -> list[bytes]:
        """Return the files called `name`, `name[]` or `name[3]`."""
        return [data for key, data in self.files if key.partition("[")[0] == name]


def read_form(request: Request) -> Form:
    """Read a body by its content type."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return _read_multipart(request)
    return Form(fields=read_json(request))


def read_json(request: Request) -> Mapping[str, Any]:
    """Read a JSON object."""
    try:
        value = parse_json(request.body)
    except ValueError:
        message = "invalid character in request body, expected a JSON object"
        raise invalid_request(message) from None
    if not isinstance(value, dict):
        message = "json: cannot unmarshal into an object"
        raise invalid_request(message)
    return value


def parse_json(text: str | bytes) -> Any:  # noqa: ANN401 - whatever was sent
    """Return what JSON says; half of a surrogate pair, which no UTF-8 can carry, becomes a question mark.

    Raises:
        ValueError: it is no JSON, or deeper than anybody means.
    """
    try:
        return json.loads(json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("too deep") from None


def require_multipart(request: Request) -> None:
    """Refuse an edit that does not come as a form."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        message = "failed to parse multipart form: request Content-Type isn't multipart/form-data"
        raise Refusal(500, message, code="convert_request_failed")


def read_data_uri(value: object) -> bytes:
    """Return the bytes of a `data:` URI or of bare base64."""
    text = str(value)
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, "base64格式错误 ", code="4", kind="midjourney") from None


def _read_multipart(request: Request) -> Form:
    boundary = _parameter("content-type", request.headers["content-type"], "boundary")
    if not boundary:
        message = "failed to parse multipart form: no multipart boundary param in Content-Type"
        raise Refusal(500, message, code="convert_request_failed")
    fields: dict[str, Any] = {}
    files: list[tuple[str, bytes]] = []
    # A leading line break makes the first delimiter look like every other one.
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode())[1 : MAX_PARTS + 1]:
        if part.startswith(b"--"):
            break
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name, is_file = _part_name(head)
        if is_file:
            files.append((name, data))
        else:
            fields[name] = data.decode(errors="replace")
    return Form(fields=fields, files=tuple(files))


def _part_name(head: bytes) -> tuple[str, bool]:
    for line in head.decode(errors="replace").split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == "content-disposition":
            return _parameter("content-disposition", value, "name"), "filename" in value
    return "", False


def _parameter(header: str, value: str, name: str) -> str:
    message = Message()
    message[header] = value.strip()
    return str(message.get_param(name, "", header=header) or "")
