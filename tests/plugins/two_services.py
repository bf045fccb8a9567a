"""A relay that offers the services of both plug-ins, on loopback, and keeps all that it was sent."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from PIL import Image

__all__ = ["TwoServices", "handler_of", "png"]


def png(width: int, height: int, colour: str = "teal") -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(target, "PNG")
    return target.getvalue()


@dataclass
class TwoServices:
    """A relay that offers both services, and all that it was sent."""

    url: str = ""
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    states: list[str] = field(default_factory=lambda: ["QUEUED", "in-progress", "hmm", "Finished"])
    polled: threading.Event = field(default_factory=threading.Event)
    hold: bool = False
    sound: tuple[str, bytes] = ("audio/mpeg", b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(range(256)) * 40)

    def count(self, method: str) -> int:
        return sum(one[0] == method and "/api/" not in one[1] and "models" not in one[1] for one in self.requests)

    def answer(self, method: str, path: str) -> tuple[str, bytes]:
        if method == "POST" and path == "/atelier/v2/jobs":
            return "application/json", b'{"job": {"id": 9007199254740993, "state": "queued"}}'
        if path == "/v1/organ/play":
            return self.sound
        if path.startswith("/files/"):
            return "image/png", png(128, 64, "gray") if "sheet" in path else png(64, 64, ("red", "blue")["1" in path])
        return "application/json", json.dumps(self._told(path)).encode()

    def _told(self, path: str) -> dict[str, Any]:
        if path == "/atelier/v2/ticket":
            return {"ticket": 18014398509481985}
        if path == "/atelier/v2/jobs/9007199254740993":
            return self._job()
        if path == "/v1/models":
            return {"data": [{"id": name} for name in ("atelier-2", "organ-1", "gpt-image-2")]}
        if path == "/api/pricing":
            rows = [{"model_name": "atelier-2", "model_price": 0.5, "quota_type": 1}]
            return {"data": rows, "group_ratio": {"default": 1}}
        return {"success": False}

    def _job(self) -> dict[str, Any]:
        self.polled.set()
        state = "hmm" if self.hold else self.states.pop(0) if len(self.states) > 1 else self.states[0]
        done = state.lower() == "finished"
        return {
            "id": "9007199254740993",
            "state": state,
            "pictures": [f"{self.url}/files/{index}.png" for index in range(2)] if done else None,
            "sheet": f"{self.url}/files/sheet.png" if done else None,
            "buttons": [{"label": "Again", "do": "again::1"}, {"label": "Larger", "do": "larger::1"}] if done else None,
        }


def handler_of(relay: TwoServices) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._do("GET")

        def do_POST(self) -> None:
            self._do("POST")

        def _do(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            heads = {name.lower(): value for name, value in self.headers.items()}
            relay.requests.append((method, self.path, heads, body))
            mime, data = relay.answer(method, self.path)
            self.send_response(200)
            self.send_header("Content-Type", mime)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            return None

    return Handler
