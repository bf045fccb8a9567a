"""`%now recall FILE`: the exact call out of a file, ours or another tool's; what could not be taken is said."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from drawing import chunk, encoded, itxt, spliced, texture
from now_jupyter._ipython._now import NowCommands
from now_jupyter._media import extract
from now_jupyter._messages import InputError
from now_jupyter._session import Session

Run = Callable[[str], str]
SETTINGS = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x768"
WORDS = f"masterpiece, 狐狸\nNegative prompt: blurry, rain\n{SETTINGS}"
CELL = '%%nowimage --negative "blurry, rain" --size 512x768 --seed 42\nmasterpiece, 狐狸'
DROPPED = "left out, as no relay knows them: Steps, Sampler, CFG scale"


@pytest.fixture
def run(studio: Session, capsys: pytest.CaptureFixture[str]) -> Run:
    now = NowCommands(None, studio)  # type: ignore[arg-type]  # no cell is written

    def say(line: str) -> str:
        now.run(line)
        return capsys.readouterr().out.rstrip("\n")

    return say


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_saved_file_gives_the_exact_call_back(suffix: str, run: Run, studio: Session, tmp_path: Path) -> None:
    """Prompt, model, options and inputs, which are found by their digests."""
    made = studio.history["#3"].pictures[0].save(tmp_path / f"x{suffix}")
    assert run(f"recall {made}") == "%%nowimage --model gpt-image-2 -i #1.2\nat night"
    made = studio.history["#2"].pictures[0].save(tmp_path / f"y{suffix}")
    assert run(f"调出 {made}") == "%%nowimage --model gpt-image-2 --seed 7\n雪地里的狐狸"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_without_metadata_a_file_says_nothing(suffix: str, run: Run, studio: Session, tmp_path: Path) -> None:
    """And is told to."""
    made = studio.history["#2"].pictures[0].save(tmp_path / f"x{suffix}", metadata=False)
    with pytest.raises(InputError, match="does not say how it was made"):
        run(f"recall {made}")


def test_inputs_that_are_not_here_are_named(run: Run, studio: Session, other: Session, tmp_path: Path) -> None:
    """By their digests, and the rest of the call is there."""
    made = studio.history["#3"].pictures[0].save(tmp_path / "x.png")
    sha256 = studio.history["#1"].pictures[1].sha256
    (line, prompt, _, gone) = _lines_of(other, f"recall {made}")
    assert (line, prompt) == ("%%nowimage --model gpt-image-2", "at night")
    assert gone == f"not in this history, and so left out: {sha256}"


def _lines_of(session: Session, line: str) -> list[str]:
    import contextlib
    import io

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        NowCommands(None, session).run(line)  # type: ignore[arg-type]  # as above
    return said.getvalue().rstrip("\n").split("\n")


def exif(comment: bytes, order: str = "<") -> bytes:
    """An EXIF part with nothing but a comment, as AUTOMATIC1111 writes it."""
    sign = b"II*\0" if order == "<" else b"MM\0*"
    head = sign + struct.pack(f"{order}I", 8)
    first = struct.pack(f"{order}HHHIII", 1, 0x8769, 4, 1, 26, 0)
    second = struct.pack(f"{order}HHHIII", 1, 0x9286, 7, len(comment), 44, 0)
    return b"Exif\0\0" + head + first + second + comment


FORMS = {
    "png": lambda: spliced(encoded(texture()), chunk(b"tEXt", b"parameters\0" + WORDS.encode())),
    "png-itxt": lambda: spliced(encoded(texture()), itxt(WORDS.encode())),
    "jpeg-utf16-be": lambda: encoded(texture(), "JPEG", exif=exif(b"UNICODE\0" + WORDS.encode("utf-16-be"), ">")),
    "jpeg-utf16-le": lambda: encoded(texture(), "JPEG", exif=exif(b"UNICODE\0" + WORDS.encode("utf-16-le"))),
    "jpeg-bom": lambda: encoded(texture(), "JPEG", exif=exif(b"UNICODE\0" + WORDS.encode("utf-16"))),
    "jpeg-utf8": lambda: encoded(texture(), "JPEG", exif=exif(b"ASCII\0\0\0" + WORDS.encode())),
    "webp": lambda: encoded(texture(), "WEBP", exif=exif(b"UNICODE\0" + WORDS.encode("utf-16-be"), ">")),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_what_automatic1111_wrote_is_mapped_as_far_as_it_goes(form: str, run: Run, tmp_path: Path) -> None:
    """Prompt, negative, seed, size; what only a sampler understands is named as left out."""
    path = tmp_path / f"x.{form.partition('-')[0]}"
    path.write_bytes(FORMS[form]())
    assert run(f"recall {path}") == f"{CELL}\n\n{DROPPED}"


def test_a_workflow_is_told_as_what_it_is(run: Run, tmp_path: Path) -> None:
    """Nothing of a graph maps."""
    path = tmp_path / "comfy.png"
    path.write_bytes(spliced(encoded(texture()), chunk(b"tEXt", b'prompt\0{"3":{}}'), chunk(b"tEXt", b"workflow\0{}")))
    with pytest.raises(InputError, match="a workflow of ComfyUI"):
        run(f"recall {path}")


@pytest.mark.parametrize(
    "part",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        exif(b""),
        exif(b"UNICODE\0" + b"\xd8" * 99),
        exif(b"JIS\0\0\0\0\0Steps: 20"),
        exif(b"ASCII\0\0\0" + b"Steps: 1, " * 6000),
        exif(b"UNICODE\0" + WORDS.encode("utf-16-le"))[:-400],
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0" + b"\xff" * 4000,
    ],
    ids=range(9),
)
@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_broken_comment_raises_nothing(kind: str, part: bytes) -> None:
    """It gives a prompt or nothing."""
    made = extract(encoded(texture(), kind, exif=part))
    assert made is None or isinstance(made["prompt"], str)
