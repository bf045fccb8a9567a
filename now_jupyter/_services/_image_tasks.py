"""Pictures made in the background by relays that are asked for it: `?async=true`, or an address of its own.

Relays that answer with a task unasked are followed by `openai-images` itself.
"""

from __future__ import annotations

from dataclasses import replace

from .._json import Texts
from .._protocol import Ask, Fit, Listed, Offer, Plan
from ._openai_images import OpenAIImages

__all__ = ["ImageTasks"]

_OWN_PATH = "/images/generations/async"
_PUBLISHED = (_OWN_PATH, "异步", "image-async")


class ImageTasks(OpenAIImages):
    """The images endpoints, asked for a task in place of a picture: no connection stays open while it is made."""

    name = "image-tasks"
    examples: Texts = ()

    def offer(self, listed: Listed) -> Offer:
        """Return what the images endpoints are known to take; only where the relay names it, or on the user's word."""
        known = super().offer(listed)
        own = any(path.rstrip("/").endswith(_OWN_PATH) for path in listed.paths)
        is_named = any(path.rstrip("/").endswith(_PUBLISHED) for path in listed.paths)
        fit = Fit.RESERVED if is_named and known.fit > Fit.ASKED else Fit.ASKED  # films are tasks, too
        return replace(known, fit=fit, dialect="path" if own else "query")

    def plan(self, ask: Ask) -> Plan:
        """Return the call of the images endpoint, marked as one to be done in the background."""
        made = super().plan(replace(ask, previews=0))
        if ask.offer.dialect == "path" and made.call.path == "/images/generations":
            return replace(made, call=replace(made.call, path=_OWN_PATH))
        return replace(made, call=replace(made.call, query={"async": "true"}))
