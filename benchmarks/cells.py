"""What the cells of measured kernels call: nothing is imported before it is needed, so that each peer pays for its own.

All of it runs in now_jupyter's environment or in that of the peers; only the standard library is common to both.
"""

# ruff: noqa: ASYNC230, ASYNC240, PLC0415 - what peers do is done as they do it, and imports are a part of it
from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["Memory", "measured", "order_expertly", "order_in_threads", "order_with_now", "order_with_sdk"]

MODEL = "gpt-image-2"
_TICK = 0.01  # seconds between two looks at how late the kernel's loop is


class Memory:
    """How much more than now the process comes to hold at its peak, in MB (Linux; elsewhere nothing is told)."""

    def __init__(self) -> None:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self._idle = _resident("VmRSS")

    @property
    def grown(self) -> float:
        """How much it has been at the peak since."""
        return (_resident("VmHWM") - self._idle) / 1000


def _resident(name: str) -> float:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    return float(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1.024


@asynccontextmanager
async def _ticking(late: list[float]) -> AsyncIterator[None]:
    """Have a task tick in the kernel's loop, as a progress bar or a widget would, and note how late each tick is."""

    async def tick() -> None:
        while True:
            due = time.perf_counter() + _TICK
            await asyncio.sleep(_TICK)
            late.append(time.perf_counter() - due)

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()


async def measured(work: Awaitable[object]) -> None:
    """Print what some work took: seconds, those of the processor, MB over what was held, the latest tick in ms."""
    late = [0.0]
    memory = Memory()
    async with _ticking(late):
        began, busy = time.perf_counter(), time.process_time()
        await work
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
        await asyncio.sleep(2 * _TICK)
    print(json.dumps({"seconds": seconds, "busy": busy, "grown": memory.grown, "late": 1000 * max(late)}))


def _prompts(count: int, begin: int) -> Iterator[str]:
    return (f"a red fox in fresh snow, number {number}" for number in range(begin, begin + count))


async def order_with_now(count: int, begin: int = 0) -> None:
    """Order in the notebook's session, whose settings say how many are in flight, and await all."""
    import now_jupyter as nj

    jobs = [nj.submit(prompt, model=MODEL) for prompt in _prompts(count, begin)]
    for job in jobs:
        await job


async def order_with_sdk(base_url: str, folder: str, count: int, in_flight: int, begin: int = 0) -> None:
    """Order with AsyncOpenAI and gather, and write the files, as its documentation shows."""
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=base_url, api_key="-", max_retries=0)
    gate = asyncio.Semaphore(in_flight)

    async def one(number: int, prompt: str) -> None:
        async with gate:
            answer = await client.images.generate(model=MODEL, prompt=prompt)
        Path(folder, f"{number}.png").write_bytes(base64.b64decode(answer.data[0].b64_json))

    await asyncio.gather(*(one(number, prompt) for number, prompt in enumerate(_prompts(count, begin))))
    await client.close()


async def order_in_threads(base_url: str, folder: str, count: int, in_flight: int, begin: int = 0) -> None:
    """Order with httpx in a pool of threads, and write the files: what one writes first."""
    import httpx

    def one(number: int, prompt: str) -> None:
        body = {"model": MODEL, "prompt": prompt}
        answer = httpx.post(f"{base_url}/images/generations", json=body, timeout=None)
        Path(folder, f"{number}.png").write_bytes(base64.b64decode(answer.json()["data"][0]["b64_json"]))

    with ThreadPoolExecutor(in_flight) as pool:
        futures = [pool.submit(one, number, prompt) for number, prompt in enumerate(_prompts(count, begin))]
        await asyncio.gather(*map(asyncio.wrap_future, futures))


async def order_expertly(base_url: str, folder: str, count: int, in_flight: int, begin: int = 0) -> None:
    """Order with httpx as well as one can: answers are decoded while they come, and files written durably."""
    import httpx

    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    gate = asyncio.Semaphore(in_flight)

    async def one(number: int, prompt: str) -> None:
        body = {"model": MODEL, "prompt": prompt}
        part = Path(folder, f"{number}.part")
        async with gate, client.stream("POST", f"{base_url}/images/generations", json=body) as answer:
            with part.open("wb") as file:
                decode = _decoding(file.write)
                async for chunk in answer.aiter_raw():
                    decode(chunk)
                await asyncio.to_thread(_flush, file, part)

    async with httpx.AsyncClient(limits=limits, timeout=None) as client:
        await asyncio.gather(*(one(number, prompt) for number, prompt in enumerate(_prompts(count, begin))))


def _decoding(write: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """Give a function that takes an answer in chunks and writes the picture in it."""
    mark = b'"b64_json":"'
    rest, is_in_text = b"", False

    def take(chunk: bytes) -> None:
        nonlocal rest, is_in_text
        rest += chunk
        if not is_in_text:
            at = rest.find(mark)
            if at < 0:
                return
            rest, is_in_text = rest[at + len(mark) :], True
        text, quote, _after = rest.partition(b'"')
        whole = len(text) if quote else len(text) // 4 * 4
        write(binascii.a2b_base64(text[:whole]))
        rest = quote + text[whole:] if not quote else b'"'

    return take


def _flush(file: IO[bytes], part: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    part.replace(part.with_suffix(".png"))
    flush_folder(part.parent)


def flush_folder(folder: Path) -> None:
    """Have the names in a folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def looked_into(folder: str, word: str) -> None:
    """Print how long it takes to open a history, to get its newest, and to search it, each once, in ms."""
    import now_jupyter as nj

    began = time.perf_counter()
    session = nj.Session(folder=folder)
    count = len(session.history)
    opened = time.perf_counter()
    newest = session.history[-1]
    got = time.perf_counter()
    found = len(session.history.search(word))
    searched = time.perf_counter()
    times = {"open": opened - began, "newest": got - opened, "search": searched - got}
    print(json.dumps({name: 1000 * one for name, one in times.items()} | {"count": count, "found": found}))
    assert newest.pictures
    session.close()


def indexed(folder: str, word: str, expected: int) -> None:
    """Print after how many seconds the newest, and all that a search has to find, are there at the first opening."""
    import now_jupyter as nj

    began = time.perf_counter()
    session = nj.Session(folder=folder)
    assert session.history[-1].pictures
    usable = time.perf_counter() - began
    while len(session.history.search(word)) < expected:
        time.sleep(_TICK)
    print(json.dumps({"usable": usable, "whole": time.perf_counter() - began}))
    session.close()


def limits(base_url: str, folder: str, count: int) -> None:
    """Print what cannot be saved, in ms for each picture: receiving it, decoding it, and a durable file."""
    import http.client
    import io
    from urllib.parse import urlsplit

    from PIL import Image

    taken = dict.fromkeys(("wire", "decode", "fsync"), 0.0)
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc)
    for number in range(count):
        began = time.perf_counter()
        body = json.dumps({"model": MODEL, "prompt": f"limit {number}"})
        connection.request("POST", f"{urlsplit(base_url).path}/images/generations", body)
        answer = connection.getresponse().read()
        received = time.perf_counter()
        data = base64.b64decode(json.loads(answer)["data"][0]["b64_json"])
        Image.open(io.BytesIO(data)).load()
        decoded = time.perf_counter()
        part = Path(folder, f"{number}.part")
        with part.open("wb") as file:
            file.write(data)
            _flush(file, part)
        flushed = time.perf_counter()
        for name, seconds in zip(taken, (received - began, decoded - received, flushed - decoded), strict=True):
            taken[name] += 1000 * seconds / count
    connection.close()
    print(json.dumps(taken))


def shown(count: int) -> None:
    """Print how many bytes a notebook comes to hold for a picture of this session, on the average of so many."""
    import now_jupyter as nj

    bundles = [one._repr_mimebundle_() for one in nj.history[-count:]]
    print(json.dumps({"bytes": sum(len(json.dumps(one)) for one in bundles) / len(bundles)}))
