"""`python -m now_jupyter.demo`: the demo relay on loopback, until interrupted."""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys

from ._relay import Relay
from ._serve import listening


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal ends it."""
    options = _parser().parse_args(arguments)
    asyncio.run(_serve(options.port, options.latency, _key(options.key_env)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m now_jupyter.demo", description="Serve the demo relay on loopback.")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on; 0 takes any free one (default)")
    parser.add_argument("--latency", type=float, default=0.15, help="seconds a picture takes (default 0.15)")
    parser.add_argument(
        "--key-env", metavar="NAME", help="environment variable that holds the key; without it, a random one"
    )
    return parser


def _key(variable: str | None) -> str:
    if variable is None:
        return secrets.token_urlsafe(24)
    key = os.environ.get(variable, "")
    if not key:
        sys.exit(f"the environment variable {variable} is empty; set it, or leave out --key-env for a random key")
    return key


async def _serve(port: int, latency: float, key: str) -> None:
    stop = asyncio.Event()
    async with listening(port) as door:
        door.relay = Relay(base_url=door.address, latency=latency, key=key)
        _stop_on_signals(stop)
        _say(door.address, key)
        await stop.wait()


def _stop_on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows has no signal handlers on its loop; there Ctrl-C ends asyncio.run itself.
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)


def _say(address: str, key: str) -> None:
    lines = (
        json.dumps({"base_url": address, "key": key}),
        f"The demo relay is at {address} (loopback only, nothing is sold, every picture is marked DEMO).",
        "Use the base URL and key of the first line with any OpenAI-compatible client; Ctrl-C ends it.",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
