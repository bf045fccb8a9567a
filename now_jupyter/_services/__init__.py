"""How each service of a relay is spoken to: what it does for a model, its paid call, its answers."""

from __future__ import annotations

from ._contract import make_plan
from ._mapping import say_remark
from ._registry import refused_plugins, service_named, services
from ._routing import (
    Route,
    asks,
    best_model,
    leads_elsewhere,
    makes_pictures,
    other_route,
    routes,
    well_known_names,
)

__all__ = [
    "Route",
    "asks",
    "best_model",
    "leads_elsewhere",
    "make_plan",
    "makes_pictures",
    "other_route",
    "refused_plugins",
    "routes",
    "say_remark",
    "service_named",
    "services",
    "well_known_names",
]
