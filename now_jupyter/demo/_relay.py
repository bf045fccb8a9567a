"""The relay: which path goes where, who may ask, and how a refusal is written."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from ._accounts import Accounts, is_right_key
from ._backend import Backend
from ._chat import NATIVE, Chat
from ._ideogram import Ideogram
from ._image_tasks import TASK_PATHS, ImageTasks, wants_task
from ._images import Images
from ._midjourney import Midjourney
from ._openrouter import OpenRouter
from ._wire import (
    Charge,
    Refusal,
    Request,
    Response,
    bytes_response,
    html_response,
    json_response,
    with_header,
)
from ._wishes import PAGES_BY_STATUS

__all__ = ["OPEN_PATHS", "PICTURES", "Endpoint", "Relay"]

Endpoint = Callable[[Request], Awaitable[Response]]
PICTURES = "/pictures/"
OPEN_PATHS = ("/api/status", "/api/pricing", "/mj/image/")


class Relay:
    """A picture relay in memory: give it requests, it answers as the real ones do."""

    def __init__(
        self,
        *,
        base_url: str,
        latency: float = 0.15,
        key: str | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] | None = None,
    ) -> None:
        """Build links from `base_url`, take `latency` seconds for a picture (0: none), demand `key` if there is one."""
        self._key = key
        self._backend = Backend(
            base_url=base_url.rstrip("/"), latency=latency, clock=clock, sleep=sleep or asyncio.sleep
        )
        images, accounts, ideogram = Images(self._backend), Accounts(self._backend), Ideogram(self._backend)
        self._chat, self._tasks = Chat(self._backend), ImageTasks(self._backend, images)
        self._endpoints: Mapping[tuple[str, str], Endpoint] = {
            ("POST", "/v1/images/generations"): images.generate,
            ("POST", "/v1/images/edits"): images.edit,
            ("POST", "/v1/images/variations"): images.vary,
            ("POST", "/v1/images"): OpenRouter(images).generate,
            ("POST", "/v1/images/generations/async"): self._tasks.submit,
            ("POST", "/v1/chat/completions"): self._chat.complete,
            ("POST", "/ideogram/generate"): ideogram.generate,
            ("POST", "/ideogram/remix"): ideogram.remix,
            ("POST", "/ideogram/upscale"): ideogram.upscale,
            ("POST", "/ideogram/describe"): ideogram.describe,
            **{("POST", f"/ideogram/v1/ideogram-v3/{work}"): ideogram.flat for work in ("generate", "remix", "edit")},
            ("GET", "/v1/models"): accounts.models,
            ("GET", "/api/pricing"): accounts.pricing,
            ("GET", "/api/status"): accounts.status,
            ("GET", "/v1/dashboard/billing/subscription"): accounts.subscription,
            ("GET", "/v1/dashboard/billing/usage"): accounts.usage,
            ("GET", "/dashboard/billing/subscription"): accounts.subscription,
            ("GET", "/dashboard/billing/usage"): accounts.usage,
            ("GET", "/api/usage/token/"): accounts.token_usage,
        }
        self._model = accounts.model
        self._midjourney = Midjourney(self._backend)

    @property
    def ledger(self) -> tuple[Charge, ...]:
        """Every complete paid POST seen so far, refused ones included, oldest first."""
        return tuple(self._backend.ledger)

    async def handle(self, request: Request) -> Response:
        """Answer one request; raises `ConnectionResetError` where the request asked for a lost connection."""
        request_id = self._request_id()
        try:
            response = await self._route(request)
        except Refusal as refusal:
            response = _refused(refusal, request_id)
        return with_header(response, "x-oneapi-request-id", request_id)

    async def _route(self, request: Request) -> Response:
        if request.method == "GET" and request.path.startswith(PICTURES):
            return self._picture(request.path.removeprefix(PICTURES))
        endpoint = self._endpoint(request)
        if endpoint is None:
            message = f"Invalid URL ({request.method} {request.path})"
            raise Refusal(404, message, kind="invalid_request_error")
        if not self.is_open_to(request):
            raise Refusal(401, "无效的令牌")
        return await endpoint(request)

    def _endpoint(self, request: Request) -> Endpoint | None:
        if request.method == "GET" and request.path.startswith("/v1/models/"):
            return self._model
        if request.method == "GET" and request.path.startswith(TASK_PATHS):
            return self._tasks.fetch
        if request.method == "POST" and NATIVE.fullmatch(request.path):
            return self._chat.generate_content
        if wants_task(request) and request.path in ("/v1/images/generations", "/v1/images/edits"):
            return partial(self._tasks.submit, edits=request.path.endswith("edits"))
        return self._endpoints.get((request.method, request.path)) or self._midjourney.endpoint(request)

    def is_open_to(self, request: Request) -> bool:
        """Whether this request comes with the right key, or needs none; its body is not looked at."""
        if self._key is None or request.path.startswith(OPEN_PATHS):
            return True
        if request.path.startswith("/ideogram/") and is_right_key(request.headers.get("api-key", ""), self._key):
            return True
        if NATIVE.fullmatch(request.path) and is_right_key(request.headers.get("x-goog-api-key", ""), self._key):
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and is_right_key(given.strip(), self._key)

    def _picture(self, name: str) -> Response:
        if name.startswith("page-"):
            return html_response("This link has moved")
        kept = self._backend.gallery.get(name)
        if kept is None:
            return html_response("404 Not Found", status=404)
        return bytes_response(*kept)

    def _request_id(self) -> str:
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(self._backend.clock()))
        return stamp + secrets.token_hex(8)


def _refused(refusal: Refusal, request_id: str) -> Response:
    if refusal.status in PAGES_BY_STATUS and refusal.code == "bad_response_status_code":
        return html_response(PAGES_BY_STATUS[refusal.status], status=refusal.status)
    if refusal.kind == "midjourney":
        return json_response(
            {"description": refusal.message, "type": "upstream_error", "code": 4}, status=refusal.status
        )
    message = refusal.message
    # Only what the relay says itself carries its id; what it forwards does not.
    if refusal.kind == "new_api_error":
        message = f"{message} (request id: {request_id})"
    error: dict[str, Any] = {"message": message, "type": refusal.kind, "param": refusal.param, "code": refusal.code}
    return json_response({"error": error}, status=refusal.status, extra=refusal.headers)
