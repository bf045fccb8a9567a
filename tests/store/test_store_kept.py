"""Answers, locks, outputs and inputs."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from now_jupyter._json import digest
from now_jupyter._messages._errors import StoreCorrupt, StoreError, StoreFull
from now_jupyter._store import Record, RecordedOutput, Store, _store
from records_made import PNG, files_below, keep, record_of


def test_an_answer_is_kept_byte_for_byte(store: Store) -> None:
    """Head and body come back; the name says that it is complete."""
    answer = store.open_answer(3)
    answer.begin({"status": 200, "content_type": "application/json"})
    answer.write(b'{"data":\n')
    answer.write(b"\x00\xff}")
    answer.finish()
    answer.finish()
    found = store.answer(3)
    assert found is not None
    assert found.head == {"status": 200, "content_type": "application/json"}
    assert b"".join(found.pieces()) == b'{"data":\n\x00\xff}'
    assert found.path.read_bytes()[found.offset :] == b"".join(found.pieces())
    assert [path.name for path in (store.folder / "answers").iterdir()] == ["3"]
    copy = store.temp_path()
    found.copy_to(copy)
    assert copy.read_bytes() == b"".join(found.pieces())
    store.drop_answer(3)
    store.drop_answer(3)
    assert store.answer(3) is None


def test_a_cut_answer_is_kept_and_says_so(store: Store) -> None:
    """What came before the cut can be looked through for pictures."""
    answer = store.open_answer(3)
    answer.begin({"status": 200})
    answer.write(b"half")
    answer.abandon()
    answer.abandon()
    found = store.answer(3)
    assert found is not None
    assert (b"".join(found.pieces()), found.path.name) == (b"half", "3.part")
    with pytest.raises(StoreError):
        answer.write(b"more")


def test_an_earlier_answer_is_never_overwritten(store: Store) -> None:
    """A second answer to the same request puts the first one aside."""
    for text in (b"first", b"second"):
        answer = store.open_answer(3)
        answer.begin({})
        answer.write(text)
        answer.finish()
    part = store.open_answer(3)
    part.begin({})
    part.write(b"third")
    part.abandon()
    part = store.open_answer(3)
    part.begin({})
    part.abandon()
    found = store.answer(3)
    assert found is not None
    assert b"".join(found.pieces()) == b"second"
    kept = b"".join(files_below(store.folder / "quarantine").values())
    assert b"first" in kept
    assert b"third" in kept


def test_an_answer_with_a_spoilt_head_still_gives_its_body(store: Store) -> None:
    """Paid bytes are not lost to a bad first line; a cut first line has no body."""
    (store.folder / "answers" / "1").write_bytes(b"\xff\xfe\nbody")
    (store.folder / "answers" / "2.part").write_bytes(b'{"status"')
    found = store.answer(1)
    assert found is not None
    assert (found.head, b"".join(found.pieces())) == ({}, b"body")
    assert store.answer(2) is None


def test_a_full_disk_in_the_middle_of_an_answer_keeps_what_came(store: Store) -> None:
    """The error says that the disk is full; the part stays."""
    answer = store.open_answer(1)
    answer.begin({})
    answer.write(b"paid")
    kept = answer._file
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - unbuffered
        answer._file = full.fileno()
        with pytest.raises(StoreFull):
            answer.write(b"more")
        answer._file = kept
    answer.abandon()
    found = store.answer(1)
    assert found is not None
    assert b"".join(found.pieces()) == b"paid"


def test_a_job_is_held_by_one_at_a_time(store: Store) -> None:
    """Neither this store nor another one gets a job that is held; released, it is free."""
    other = Store(store.folder)
    hold = store.hold(1)
    assert hold is not None
    assert store.hold(1) is None
    assert other.hold(1) is None
    assert store.is_held(1)
    assert other.is_held(1)
    hold.release()
    hold.release()
    assert not other.is_held(1)
    with other.hold(1) or pytest.fail("held"):
        assert store.is_held(1)
    store.close()
    store.close()


HOLD_AND_WAIT = """
import sys; from pathlib import Path
from now_jupyter._store import Store
hold = Store(Path(sys.argv[1])).hold(1)
print("held", flush=True); sys.stdin.read()
"""


def test_a_kernel_that_is_killed_holds_nothing(store: Store) -> None:
    """The operating system gives the job free after kill -9."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_AND_WAIT, store.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as kernel:
        assert kernel.stdout is not None
        assert kernel.stdout.readline() == b"held\n"
        assert store.is_held(1)
        assert store.hold(1) is None
        kernel.kill()
    assert not store.is_held(1)


FORK_AND_DIE = """
import os, signal, sys; from pathlib import Path
from now_jupyter._store import Store
store = Store(Path(sys.argv[1]))
hold = store.hold(1)
if os.fork() == 0:
    mine = store._locks._mine
    with store._changing[1]:
        print("child", len(mine), flush=True)
    sys.stdin.read()
    os._exit(0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_forked_child_does_not_keep_what_its_parent_held(store: Store) -> None:
    """After the parent was killed the job is free, although the child lives on."""
    with subprocess.Popen(
        [sys.executable, "-c", FORK_AND_DIE, store.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"child 0\n"
        parent.wait()
        assert not store.is_held(1)


def test_an_output_is_kept_under_a_name_that_people_recognise(store: Store) -> None:
    """Bytes as received, private, once; found again after a restart, the same bytes keep their name and their file."""
    record = keep(store, store.claim(record_of("a red fox in snow")))
    path = store.output_path(record.outputs[0].file)
    assert path == store.pictures / "1-red-fox-in-snow.png"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.stat().st_ino
    assert keep(store, record) == record
    assert keep(store, replace(record, outputs=())).outputs == record.outputs  # it was kept, and the kernel killed
    assert (files_below(store.pictures), path.stat().st_ino) == ({path.name: PNG}, before)


def test_each_output_of_an_order_has_a_file_of_its_own(store: Store) -> None:
    """Equal bytes too; the numbers are in the names."""
    record = store.claim(record_of("a fox", expected=2))
    for number in (1, 2):
        record = keep(store, record, number=number, key=f"{number}")
    names = [one.file for one in record.outputs]
    assert len(set(names)) == 2
    assert names[1] == "1.2-fox.png"
    assert files_below(store.pictures) == dict.fromkeys(names, PNG)


def test_a_file_of_somebody_else_is_never_replaced(store: Store) -> None:
    """Whatever bears the name already stays as it is: the output gets another name, again and again the same."""
    record = store.claim(record_of("a fox"))
    for name in ("1-fox.png", "1-fox-2.png"):
        (store.pictures / name).write_bytes(name.encode())
    record = keep(store, record)
    assert record.outputs[0].file == "1-fox-3.png"
    assert keep(store, replace(record, outputs=())).outputs == record.outputs
    assert files_below(store.pictures) == {
        "1-fox.png": b"1-fox.png",
        "1-fox-2.png": b"1-fox-2.png",
        "1-fox-3.png": PNG,
    }


def test_a_record_that_names_the_file_of_another_order_does_it_no_harm(store: Store) -> None:
    """Neither replaced nor put aside, whatever digest the record gives for it."""
    other = keep(store, store.claim(record_of("a hare")), b"the hare")
    mine = store.claim(record_of("a fox"))
    stolen = RecordedOutput(key="0", number=1, file=other.outputs[0].file, sha256=digest(PNG), mime="image/png")
    kept = keep(store, replace(mine, outputs=(stolen,)))
    assert kept.outputs[0].file == "2-fox.png"
    assert store.output_path(other.outputs[0].file).read_bytes() == b"the hare"
    assert not list((store.folder / "quarantine").iterdir())


@pytest.mark.parametrize("name", ["", ".", "..", "../x.png", "a/b.png", ".hidden", "x\0y", "c:x", "a\\b"])
def test_a_name_that_leads_elsewhere_is_none(store: Store, name: str) -> None:
    """No path from data is joined."""
    with pytest.raises(StoreCorrupt):
        store.output_path(name)


def test_a_download_is_moved_and_a_file_of_the_user_copied(store: Store, tmp_path: Path) -> None:
    """The temporary file is gone afterwards, also when the output was there; the user's own file stays."""
    record = store.claim(record_of())
    for _ in range(2):
        temp = store.temp_path()
        temp.write_bytes(PNG)
        record = keep(store, record, temp)
        assert not temp.exists()
    (tmp_path / "mine.png").write_bytes(PNG + b"2")
    record = keep(store, record, tmp_path / "mine.png", key="1", number=2)
    assert (tmp_path / "mine.png").exists()
    assert sorted(files_below(store.pictures).values()) == [PNG, PNG + b"2"]
    assert store.leftovers() == []


def test_an_output_that_is_not_the_announced_one_goes_to_quarantine(store: Store) -> None:
    """The bytes are kept, with the reason, and the error says where."""
    record = store.claim(record_of())
    output = RecordedOutput(key="0", number=1)
    with pytest.raises(StoreCorrupt) as caught:
        store.keep_output(PNG, record=record, output=output, mime="image/png", sha256="0" * 64)
    kept = files_below(store.folder / "quarantine")
    assert PNG in kept.values()
    assert any(name.endswith(".why") for name in kept)
    assert "quarantine" in str(caught.value)
    assert files_below(store.pictures) == {}


@pytest.mark.parametrize("odd", ["bytes", "longer", "link", "pipe", "folder"])
def test_wrong_bytes_under_the_name_in_the_record_are_moved_aside(store: Store, tmp_path: Path, odd: str) -> None:
    """Whatever stands in the output's place goes to quarantine, and the output is written under its name again."""
    record = keep(store, store.claim(record_of()))
    path = store.output_path(record.outputs[0].file)
    path.unlink()
    match odd:
        case "bytes":
            path.write_bytes(PNG[::-1])
        case "longer":
            path.write_bytes(PNG + b"!")
        case "link":
            (tmp_path / "victim").write_bytes(b"precious")
            path.symlink_to(tmp_path / "victim")
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
    assert keep(store, record) == record
    assert path.read_bytes() == PNG
    assert not path.is_symlink()
    assert len(list((store.folder / "quarantine").iterdir())) == 2
    if odd == "link":
        assert (tmp_path / "victim").read_bytes() == b"precious"


def test_an_output_of_any_size_takes_little_memory(store: Store, tmp_path: Path) -> None:
    """A film is copied and checked in pieces."""
    with (tmp_path / "film.mp4").open("wb") as film:
        film.truncate(64 << 20)
    record = store.claim(record_of())
    tracemalloc.start()
    keep_film(store, record, tmp_path / "film.mp4")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20
    assert (store.pictures / "1-fox.mp4").stat().st_size == 64 << 20


def keep_film(store: Store, record: Record, film: Path) -> None:
    with film.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    output = RecordedOutput(key="0", number=1, kind="video")
    store.keep_output(film, record=record, output=output, mime="video/mp4", sha256=sha256)


def test_inputs_are_found_by_what_they_are(store: Store, tmp_path: Path) -> None:
    """Kept once under their digest; a copy of the user's file, which stays; one that changed is none any more."""
    (tmp_path / "mine.png").write_bytes(PNG)
    sha256 = store.keep_input(tmp_path / "mine.png", mime="image/png")
    assert (sha256, store.keep_input(PNG, mime="image/png")) == (digest(PNG), digest(PNG))
    path = store.input_path(sha256)
    assert (path, path.read_bytes()) == (store.folder / "inputs" / f"{sha256}.png", PNG)
    assert (tmp_path / "mine.png").exists()
    assert len(files_below(store.folder / "inputs")) == 1
    path.write_bytes(b"other")
    for wanted in (sha256, "0" * 64, "../format", ""):
        with pytest.raises(StoreCorrupt):
            store.input_path(wanted)
    assert store.keep_input(PNG, mime="image/png") == sha256
    assert store.input_path(sha256).read_bytes() == PNG
    assert b"other" in files_below(store.folder / "quarantine").values()


def test_quarantine_keeps_bytes_and_files_with_the_reason(store: Store, tmp_path: Path) -> None:
    """Nothing of what is put there is lost or named by others."""
    (tmp_path / "user.png").write_bytes(b"user's")
    temp = store.temp_path()
    temp.write_bytes(b"download")
    places = [store.quarantine(one, reason="not a picture") for one in (b"raw", temp, tmp_path / "user.png")]
    assert [place.read_bytes() for place in places] == [b"raw", b"download", b"user's"]
    assert (tmp_path / "user.png").exists()
    assert not temp.exists()
    assert all(b"not a picture" in place.with_name(f"{place.name}.why").read_bytes() for place in places)


def test_a_claim_waits_for_nobody_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that stands still in the midst of claiming is named, and nothing is sent."""
    monkeypatch.setattr(_store, "_PATIENCE_TO_CLAIM", 0.05)
    with Store(store.folder)._turn_to_claim(), pytest.raises(StoreError, match="about to order"):
        store.claim_and_hold(record_of())
    assert store.claim_and_hold(record_of())[0].number == 1
