"""How each service of a relay is spoken to: what it does for a model, its paid call, its answers."""

from __future__ import annotations

from ._checking import Exchange, check
from ._contract import make_plan
from ._decoder import Reading, read_pictures, require_output
from ._finding import outputs_in
from ._mapping import fields, form_of, raw_fields, require_prompt, say_remark, settle
from ._registry import builtin_names, refused_plugins, service_named, services
from ._routing import (
    Route,
    asks,
    best_model,
    can_take,
    is_known,
    makes_pictures,
    other_route,
    request_again,
    roles_taken,
    routes,
    usual_service,
    well_known_names,
    works_on_pictures,
)
from ._sizes import is_unlike, ratios_of
from ._tasks import begin_task, follow_pictures, follow_task, poll_task, task_in

__all__ = [
    "Exchange",
    "Reading",
    "Route",
    "asks",
    "begin_task",
    "best_model",
    "builtin_names",
    "can_take",
    "check",
    "fields",
    "follow_pictures",
    "follow_task",
    "form_of",
    "is_known",
    "is_unlike",
    "make_plan",
    "makes_pictures",
    "other_route",
    "outputs_in",
    "poll_task",
    "ratios_of",
    "raw_fields",
    "read_pictures",
    "refused_plugins",
    "request_again",
    "require_output",
    "require_prompt",
    "roles_taken",
    "routes",
    "say_remark",
    "service_named",
    "services",
    "settle",
    "task_in",
    "usual_service",
    "well_known_names",
    "works_on_pictures",
]
