"""From what came to what is kept: the sources of an output tried in their order, judged, and stored."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from .._background import run_in_thread
from .._media import crop_picture, examine, media_type, pixels_only, unpack_base64
from .._messages import (
    AuthError,
    BadImageError,
    BadResponseError,
    DownloadError,
    NowImageError,
    RejectedError,
    StoreError,
    printable,
)
from .._protocol import Base64, Call, Crop, Found, LaidBack, Link, Source, Whole
from .._store import Record, RecordedOutput, Store, is_missing
from .._transport import LongTexts, save
from ._answers import LONGEST_WORDS
from ._outside import add_change, lay_original_back

if TYPE_CHECKING:
    from ._runner import Runner

__all__ = ["Saver", "keep_data"]

_STARS = b"*" * 6  # no key that is masked is shorter
_CHUNK = 256 << 10
_OVERLAP = 4 << 10  # no key is longer
_LARGEST_IN_MEMORY = 64 << 20


class Saver:
    """Saves the outputs of one run, side by side."""

    def __init__(self, runner: Runner, record: Record, texts: LongTexts) -> None:
        self._runner = runner
        self._texts = texts
        self._store = runner.store
        self._record = record
        self.unwritten = b""  # the end of an answer that is a file, where the disk took only its beginning
        self._saved: dict[str, anyio.Event] = {}
        self._files: dict[str, Path] = {
            one.key: self._store.output_path(one.file) for one in record.outputs if one.file
        }

    async def save(self, found: Found, announced: RecordedOutput) -> RecordedOutput:
        """Return the output as it is kept: from the first source that gives a sound file, or as words."""
        done = self._saved.setdefault(found.key, anyio.Event())
        try:
            saved = await self._save_from_any(found, announced)
            if saved.file:
                self._files[found.key] = self._store.output_path(saved.file)
            return saved
        finally:
            done.set()

    async def _save_from_any(self, found: Found, announced: RecordedOutput) -> RecordedOutput:
        data = found.words.encode("utf-8", "replace")
        sources = found.sources or ((data,) if data else ())
        problem: NowImageError | None = None
        for source in sources:
            try:
                return await self._save_from(source, announced)
            except StoreError:
                raise
            except NowImageError as one:
                problem = problem or one
        if (here := await run_in_thread(self._store.find_output, self._record, announced)) is not None:
            return await self._keep(here, announced, is_masked=False)  # it came, and then the kernel died
        raise problem or BadResponseError("the service names no source for an output", billed="yes")

    async def _save_from(self, source: Source, announced: RecordedOutput) -> RecordedOutput:
        if isinstance(source, bytes | Crop | LaidBack):
            data = await self.load(source)
            return await self._keep(data, announced, is_masked=isinstance(source, bytes))
        path: Path | None = None
        is_kept = False
        try:
            try:
                path = self._store.temp_path()
                await self._fetch(source, path)
            except StoreError as problem:
                raise await self._rescue(source, announced, problem) from None
            kept = await self._keep(path, announced, is_masked=isinstance(source, Whole))
            is_kept = bool(kept.file)  # then it was moved, unless its bytes were changed
            return kept
        finally:
            if path is not None and not (is_kept and is_missing(path)):
                with suppress(OSError):  # its disk takes no more orders
                    await run_in_thread(path.unlink)

    async def load(self, source: Source) -> bytes:
        """Return the bytes of a source that fits into memory."""
        match source:
            case bytes():
                return source
            case Base64(text):
                return await run_in_thread(self._unpack_into_memory, text)
            case Crop(of, box):
                return await run_in_thread(crop_picture, await self._file_of(of), box)
            case Call():
                return await self._download_into_memory(source)
            case LaidBack(of):
                return await run_in_thread(lay_original_back, await self._file_of(of), self._record, self._store)
            case Link(url):
                return await self._runner.downloader.fetch_into_memory(url)
            case _:
                raise BadResponseError("{source} cannot be read into memory", source=type(source).__name__)

    async def _download_into_memory(self, source: Call) -> bytes:
        path = self._store.temp_path()
        try:
            await self._download(source, path)
            return await run_in_thread(path.read_bytes)
        finally:
            with suppress(OSError):
                await run_in_thread(path.unlink)

    def _unpack_into_memory(self, text: str) -> bytes:
        data = io.BytesIO()
        for piece in unpack_base64(self._texts.pieces_of(text)):
            data.write(piece)
            if data.tell() > _LARGEST_IN_MEMORY:
                raise BadImageError("this picture is larger than {limit} MiB", limit=_LARGEST_IN_MEMORY >> 20)
        return data.getvalue()

    def _unpack(self, text: str, path: Path) -> None:
        try:
            save(path, unpack_base64(self._texts.pieces_of(text)))
        except BadImageError as problem:
            save(path, self._texts.pieces_of(text))
            _tell_where(problem, self._store.quarantine(path, reason=problem.message()))
            raise

    async def _file_of(self, key: str) -> Path:
        if key not in self._files:
            await self._saved.setdefault(key, anyio.Event()).wait()
        if key not in self._files:
            raise BadResponseError("the picture that another one is cut from is not here", billed="yes")
        return self._files[key]

    async def _fetch(self, source: Source, path: Path) -> None:
        match source:
            case Base64(text):
                await run_in_thread(self._unpack, text, path)
            case Link(url):
                await self._runner.downloader.fetch(url, path)
            case Call():
                await self._download(source, path)
            case Whole():
                await run_in_thread(self._copy_answer, path)

    async def _download(self, source: Call, path: Path) -> None:
        client = self._runner.client
        try:
            await client.download(source, path)
        except (RejectedError, AuthError) as problem:
            words = problem.facts.get("words", "")
            status = problem.status
        else:
            return
        raise DownloadError(
            "the picture could not be fetched from {host}: {words}",
            kept="the link is kept",
            advice="%now resume fetches it again, free",
            status=status,
            host=urlsplit(client.origin).hostname,
            words=words,
        )

    def _copy_answer(self, path: Path) -> None:
        stored = self._store.answer(self._record.number)
        if stored is None and not self.unwritten:
            raise BadResponseError("the answer is no longer kept", billed="yes")
        if stored is not None:
            stored.copy_to(path)
        if self.unwritten:
            with path.open("ab") as opened:
                opened.write(self.unwritten)

    async def _keep(self, source: bytes | Path, announced: RecordedOutput, *, is_masked: bool) -> RecordedOutput:
        repeats_key = self._runner.client.repeats_key
        keep = partial(
            keep_data, self._store, self._record, source, announced, repeats_key=repeats_key, is_masked=is_masked
        )
        try:
            return await run_in_thread(lambda: add_change(keep(), self._record, self._store))
        except StoreError as problem:
            error = problem
        raise await self._rescue(source, announced, error)

    async def _rescue(self, source: Source | Path, announced: RecordedOutput, error: StoreError) -> StoreError:
        """Keep outside of the history what it could not take, and return the error that tells where."""
        try:
            data = await run_in_thread(source.read_bytes) if isinstance(source, Path) else await self.load(source)
            if self._runner.client.repeats_key(data):
                data = pixels_only(data)
            media = media_type(examine(data, expected=announced.kind).mime)
        except (NowImageError, OSError):
            return error  # a link stays in the record; what is no output needs no rescue
        place = await self._keep_outside(announced, data, media.suffix if media else ".bin")
        if place is None:
            error.rescued = (data,)
            error.kept = (
                "the picture is only in the output and memory of this kernel; make room, then %now resume keeps it"
            )
        else:
            error.add_facts(spilled=place)
            error.kept = "the picture is in {spilled}; %now resume brings it into the history"
        return error

    async def rescue_kept(self, record: Record) -> None:
        """Keep outputs that are here outside as well: the record that names them could not be written."""
        for one in record.outputs:
            with suppress(NowImageError, OSError):
                if one.words:
                    await self._keep_outside(one, one.words.encode("utf-8", "replace"), ".txt")
                elif one.file:
                    path = self._store.output_path(one.file)
                    await self._keep_outside(one, await run_in_thread(path.read_bytes), path.suffix)

    async def _keep_outside(self, output: RecordedOutput, data: bytes, suffix: str) -> Path | None:
        return await run_in_thread(partial(self._runner.rescue.keep, self._record.id, output, data, suffix=suffix))


def keep_data(  # noqa: PLR0913 - what came, where it belongs, and what is known of the key
    store: Store,
    record: Record,
    source: bytes | Path,
    announced: RecordedOutput,
    *,
    repeats_key: Callable[[bytes], bool],
    is_masked: bool = False,
) -> RecordedOutput:
    """Return an output as it is kept: byte for byte, unless it repeats the key."""
    if announced.kind == "words" and (words := _short_text(source)):
        return replace(announced, words=words, sources=(), error=None)
    try:
        source = _without_key(source, repeats_key, is_masked=is_masked)
        facts = examine(source, expected=announced.kind)
    except BadImageError as problem:
        _tell_where(problem, store.quarantine(source, reason=problem.message()))
        raise
    file = store.keep_output(
        source, record=record, output=announced, mime=facts.mime, sha256=facts.sha256, is_checked=True
    )
    return replace(
        announced,
        kind=announced.kind if announced.kind in ("words", "vectors") else facts.kind,
        file=file,
        sha256=facts.sha256,
        mime=facts.mime,
        width=facts.width,
        height=facts.height,
        size_bytes=facts.size_bytes,
        sources=(),
        error=None,
    )


def _tell_where(error: BadImageError, place: Path) -> None:
    error.kept = "what came is in {place}"
    error.add_facts(place="/".join(place.parts[-3:]))


def _short_text(source: bytes | Path) -> str:
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > LONGEST_WORDS:
        return ""
    data = source if isinstance(source, bytes) else source.read_bytes()
    try:
        return printable(data.decode("utf-8"))
    except UnicodeDecodeError:
        return ""


def _without_key(source: bytes | Path, repeats_key: Callable[[bytes], bool], *, is_masked: bool) -> bytes | Path:
    """Return what came; of a picture whose texts repeat the key, or did before it was masked, only its pixels."""
    if any((is_masked and _STARS in window) or repeats_key(window) for window in _windows(source)):
        return pixels_only(source if isinstance(source, bytes) else source.read_bytes())
    return source


def _windows(source: bytes | Path) -> Iterator[bytes]:
    before = b""
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield before + chunk
            before = chunk[-_OVERLAP:]
