"""What the relay tells for free: models, prices, site facts, and what is left on the key."""

import secrets
from typing import Any

from ._backend import GRANTED_DOLLARS, Backend
from ._models import MODELS, Model
from ._wire import Request, Response, json_response

__all__ = ["MADE_AT", "QUOTA_PER_DOLLAR", "YUAN_PER_DOLLAR", "Accounts", "is_right_key"]

QUOTA_PER_DOLLAR = 500_000
YUAN_PER_DOLLAR = 7.3
MADE_AT = 1_626_777_600


class Accounts:
    """The free endpoints of one relay."""

    def __init__(self, backend: Backend) -> None:
        """Read this relay's books."""
        self._backend = backend

    async def models(self, _request: Request) -> Response:
        """List all models."""
        return json_response({"success": True, "object": "list", "data": [_listed(model) for model in MODELS.values()]})

    async def model(self, request: Request) -> Response:
        """Describe one model; an unknown one is an error inside a 200, as on new-api."""
        name = request.path.removeprefix("/v1/models/")
        if name in MODELS:
            return json_response(_listed(MODELS[name]))
        message = f"The model '{name}' does not exist"
        error = {"message": message, "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
        return json_response({"error": error})

    async def pricing(self, _request: Request) -> Response:
        """Tell all prices."""
        facts = {"group_ratio": {"default": 1}, "usable_group": {"default": "默认分组"}, "auto_groups": []}
        return json_response({"success": True, "data": [_priced(model) for model in MODELS.values()]} | facts)

    async def status(self, _request: Request) -> Response:
        """Tell the facts of the site."""
        data = {
            "version": "v0.0.0-demo",
            "system_name": "Demo relay",
            "server_address": self._backend.base_url,
            "quota_per_unit": QUOTA_PER_DOLLAR,
            "display_in_currency": True,
            "quota_display_type": "USD",
            "usd_exchange_rate": YUAN_PER_DOLLAR,
            "price": YUAN_PER_DOLLAR,
            "enable_drawing": True,
            "enable_task": True,
            "mj_notify_enabled": False,
        }
        return json_response({"success": True, "message": "", "data": data})

    async def subscription(self, _request: Request) -> Response:
        """Tell what was granted in all; the field names say limit, and mean that."""
        limits = dict.fromkeys(("soft_limit_usd", "hard_limit_usd", "system_hard_limit_usd"), GRANTED_DOLLARS)
        return json_response(
            {"object": "billing_subscription", "has_payment_method": True, **limits, "access_until": 0}
        )

    async def usage(self, _request: Request) -> Response:
        """Tell what was used, in cents."""
        return json_response({"object": "list", "total_usage": round(self._backend.used_dollars * 100, 4)})

    async def token_usage(self, _request: Request) -> Response:
        """Tell granted, used and left in quota points."""
        used = round(self._backend.used_dollars * QUOTA_PER_DOLLAR)
        granted = round(GRANTED_DOLLARS * QUOTA_PER_DOLLAR)
        data: dict[str, Any] = {"object": "token_usage", "name": "demo", "total_granted": granted, "total_used": used}
        data |= {"total_available": granted - used, "unlimited_quota": False}
        data |= {"model_limits": {}, "model_limits_enabled": False, "expires_at": 0}
        return json_response({"code": True, "message": "ok", "data": data})


def is_right_key(given: str, wanted: str) -> bool:
    """Compare keys without telling by the time taken how much of one was right."""
    return secrets.compare_digest(given.encode(), wanted.encode())


def _listed(model: Model) -> dict[str, Any]:
    facts = {"id": model.name, "object": "model", "created": MADE_AT, "owned_by": model.owner}
    return facts | {"supported_endpoint_types": [model.endpoint]}


def _priced(model: Model) -> dict[str, Any]:
    per_call = model.family != "chat"
    return {
        "model_name": model.name,
        "quota_type": 1 if per_call else 0,
        "model_price": model.price,
        "model_ratio": 0 if per_call else 1.25,
        "completion_ratio": 0 if per_call else 4,
        "owner_by": model.owner,
        "enable_groups": ["default"],
        "supported_endpoint_types": [model.endpoint],
    }
