"""A relay that sells pictures which can be told apart, and remembers each order that came in whole."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import io
import json
import socket
import time
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from checker import Ledger
from faultserver import Action, Close, FaultServer, Seen, Send, json_answer, response

__all__ = ["GENERATE", "PATIENCE", "Relay", "answer_of", "picture_of"]

GENERATE = "/v1/images/generations"
PATIENCE = 30.0  # seconds until an act is taken to hang


@functools.cache
def picture_of(key: str, index: int) -> bytes:
    """Draw the picture of this place in the order of this key; no two are equal."""
    seed = hashlib.sha256(f"{key}/{index}".encode()).digest()
    target = io.BytesIO()
    Image.frombytes("RGB", (8, 8), (seed * 6)[:192]).save(target, "PNG")
    return target.getvalue()


class Relay(FaultServer):
    """Answers every order with `count` pictures as links or base64, and remembers each complete one."""

    def __init__(self, *, form: Literal["url", "b64"] = "b64", count: int = 1) -> None:
        super().__init__()
        self.form = form
        self.count = count
        self.script(lambda seen: self._sold(seen.headers.get("idempotency-key", "")), path=GENERATE)
        self.script(self._other)

    def _sold(self, key: str) -> list[Action]:
        return [Send(json_answer(self.answer(key))), Close()]

    def answer(self, key: str) -> dict[str, Any]:
        """Give the body of the answer to an order."""
        return {"created": 1, "data": [self._item(key, index) for index in range(self.count)]}

    def _item(self, key: str, index: int) -> dict[str, str]:
        if self.form == "url":
            return {"url": f"{self.url}/pictures/{key}/{index}"}
        return {"b64_json": base64.b64encode(picture_of(key, index)).decode()}

    def _other(self, seen: Seen) -> list[Action]:
        match seen.path.strip("/").split("/"):
            case ["pictures", key, index]:
                return [Send(response(200, picture_of(key, int(index)), headers={"Content-Type": "image/png"}))]
            case _:
                return [Send(json_answer({"error": {"message": "no such path"}}, status=404)), Close()]

    @property
    def ledger(self) -> list[str]:
        """The keys of all orders that came in whole, each as often as it came: all were billed."""
        with self._lock:
            return [one.headers["idempotency-key"] for one in self.seen if one.method == "POST" and one.is_complete]

    @property
    def book(self) -> Ledger:
        """The same for the checker, with what was sold."""
        book = Ledger()
        for key in self.ledger:
            book.note(key, pictures=self.pictures(key))
        return book

    def pictures(self, key: str) -> list[bytes]:
        """Give what was sold for an order."""
        return [picture_of(key, index) for index in range(self.count)]

    def settle(self) -> None:
        """Wait until all that dead clients have sent is read: a new guest comes after all earlier ones."""
        with socket.create_connection((self.host, self.port)) as guest:
            guest.sendall(b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n")
            while guest.recv(1 << 16):
                pass
        end = time.monotonic() + PATIENCE
        while self._open:
            assert time.monotonic() < end, f"connections stay open: {self._open}"
            time.sleep(0.0005)
        self._threads = [one for one in self._threads if one.is_alive()]

    def forget(self) -> None:
        """Forget the orders, but not how to answer."""
        self.settle()
        with self._lock:
            self.seen.clear()


def answer_of(folder: Path, number: int) -> bytes | None:
    """Give the body of the kept answer to an order if all of it is there."""
    for name in (f"{number}", f"{number}.part"):
        with contextlib.suppress(OSError, ValueError):
            body = (folder / "answers" / name).read_bytes().partition(b"\n")[2]
            json.loads(body)
            return body
    return None
