"""A widget that answers messages without ever blocking the kernel.

A front end's message may arrive on the main thread or on a subshell's. It is checked there and handed to a worker; the
answer, which bears the message's id, is sent when it is there. Traits are set and messages sent under one lock.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeAlias

import anywidget

from .._messages import InputError, Language, NowImageError, lines_of, plain
from .._session import Session
from ._assets import loader, script, styles
from ._draft import read_draft
from ._messages import Message, read_message

__all__ = ["Answer", "Asked", "Wired"]

_LOG = logging.getLogger("now_jupyter")
_LONGEST_ID = 64
Answer: TypeAlias = Mapping[str, Any] | None
"""What is sent back; bytes that go beside it are its `buffers`."""


class Asked(Exception):
    """The user's word is needed first: `lines` says why, `agree` is what comes back with it."""

    def __init__(self, lines: Sequence[str], agree: Sequence[str]) -> None:
        super().__init__(*lines)
        self.lines = list(lines)
        self.agree = list(agree)


class Wired(anywidget.AnyWidget):
    """What the panel and a comparison in a cell have in common: checked messages, answers with the same id."""

    _esm = loader()

    def __init__(self, session: Session, **traits: object) -> None:
        self._session = session
        self._sending = threading.RLock()
        self._workers = {name: ThreadPoolExecutor(1, f"now-jupyter-{name}") for name in ("files", "relay", "orders")}
        super().__init__(**traits)
        self.on_msg(self._receive)

    def answers(self) -> Mapping[str, tuple[str, Callable[[Message], Answer]]]:
        """Return for each action the worker that does it, and how."""
        return {"script": ("orders", lambda _: {"buffers": (script().encode(), styles().encode())})}

    @property
    def language(self) -> Language:
        """The user's language."""
        return self._session.settings().language

    # What comes in

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Let a front end set the draft, and only to what one may be."""
        allowed: dict[str, Any] = {}
        with suppress(ValueError):
            read_draft(sync_data.get("draft"))
            allowed["draft"] = sync_data["draft"]
        with self._sending:
            if allowed:
                super().set_state(allowed)
            if refused := [name for name in sync_data if name in self.keys and name not in allowed]:
                self.send_state(refused)

    def _receive(self, _widget: object, content: object, buffers: Sequence[Any]) -> None:
        try:
            message = read_message(content, buffers)
            worker, answer = self.answers()[message.action]
        except (ValueError, KeyError) as problem:
            self._refuse(content, str(problem))
        else:
            self.have(worker, self._answer, message, answer)

    def _refuse(self, content: object, reason: str) -> None:
        identity = content.get("id") if isinstance(content, dict) else None
        if isinstance(identity, str) and len(identity) <= _LONGEST_ID:
            error = InputError("the panel sent what it may not send: {reason}", reason=reason)
            self.tell(
                {"re": plain(identity, _LONGEST_ID), "error": {"lines": error.in_language(self.language).lines()}}
            )

    def _answer(self, message: Message, answer: Callable[[Message], Answer]) -> None:
        content: dict[str, Any]
        try:
            content = dict(answer(message) or {})
        except Asked as asked:
            content = {"ask": {"lines": asked.lines, "agree": asked.agree}}
        except NowImageError as error:
            content = {"error": {"lines": error.in_language(self.language).lines()}}
        except Exception as bug:  # noqa: BLE001 - seen nowhere else: the panel says it, the log has all of it
            _LOG.exception("the panel could not do %s", message.action)
            content = {"error": {"lines": lines_of(bug)}}
        buffers = content.pop("buffers", ())
        self.tell({**content, "re": message.id}, buffers)

    # What goes out

    def have(self, worker: str, do: Callable[..., object], *given: object) -> None:
        """Have a worker (`files`, `relay` or `orders`) do something after what it was asked for; none after `close`."""
        with suppress(RuntimeError):  # it is closed
            self._workers[worker].submit(do, *given)

    def tell(self, content: Mapping[str, Any], buffers: Sequence[bytes] = ()) -> None:
        """Send a message to all front ends."""
        with self._sending:
            if self.comm is not None:
                self.send(_sendable(content), list(buffers))

    def put(self, name: str, value: object) -> None:
        """Set a trait, from whatever thread."""
        with self._sending:
            if self.comm is not None:
                self.set_trait(name, _sendable(value))

    def close(self) -> None:
        """End the widget and its workers; twice is fine."""
        for worker in self._workers.values():
            worker.shutdown(wait=False, cancel_futures=True)
        with self._sending:
            super().close()


def _sendable(value: object) -> Any:  # noqa: ANN401 - any JSON
    """Replace halves of characters, which cannot be encoded, wherever they come from."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
