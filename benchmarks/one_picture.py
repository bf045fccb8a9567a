"""One picture through all of it, against bare httpx on the same loopback server, in one run.

The server answers after 60 ms with a picture as base64. Bare httpx posts, decodes and writes one file; we judge the
picture, keep intent, raw answer, picture and record durably, and look into the history first.
"""

from __future__ import annotations

import base64
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from preview import encoded, texture

from now_jupyter import Session

ROUNDS = 15
LATENCY = 0.06


class Relay(BaseHTTPRequestHandler):
    """Answers every order with the same picture."""

    protocol_version = "HTTP/1.1"
    answer = b""

    def do_POST(self) -> None:
        """Read the order, take the latency, answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(LATENCY)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def do_GET(self) -> None:
        """Know of no models, prices or balance."""
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def median_ms(work: Callable[[int], object]) -> float:
    """Time `work` ROUNDS times, after one round that does not count."""
    work(0)
    times = []
    for number in range(1, ROUNDS + 1):
        began = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def main() -> None:
    """Measure both and print the ratio."""
    picture = encoded(texture(1024, 1), "PNG")
    Relay.answer = json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(picture).decode()}]}).encode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        bare = median_ms(lambda number: _bare(address, Path(folder) / f"{number}.png"))
        session = Session(base_url=address, folder=Path(folder) / "bench.now")
        ours = median_ms(lambda number: session.generate(f"a fox, round {number}", model="gpt-image-2"))
        session.close()
    server.shutdown()
    print(f"one picture of {len(picture) / 1e6:.2f} MB, {LATENCY * 1000:.0f} ms server latency, median of {ROUNDS}")
    print(f"  bare httpx      {bare:7.1f} ms")
    print(f"  now_jupyter     {ours:7.1f} ms   {ours / bare:.2f} ×   ({ours - bare:.1f} ms more)")


def _bare(address: str, path: Path) -> None:
    with httpx.Client() as client:
        reply = client.post(f"{address}/v1/images/generations", json={"model": "gpt-image-2", "prompt": "a fox"})
    path.write_bytes(base64.b64decode(reply.json()["data"][0]["b64_json"]))


if __name__ == "__main__":
    main()
