"""Records, their marks and the trash."""

from __future__ import annotations

import json
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path

import pytest

from now_jupyter._messages._errors import StoreCorrupt, StoreError, StoreTooNew
from now_jupyter._store import Store
from now_jupyter._store._record import Attempt, Kept, Record
from now_jupyter._values import Button, Failure, Money, Request, Status
from records_made import PNG, files_below, record_of


def test_a_claimed_record_comes_back_as_it_was(store: Store) -> None:
    """The intent is on disk with its number, and later states replace it."""
    record = store.claim(record_of("it's {a} \u202e fox\r\n狐 \ud83d"))
    assert record.number == 1
    assert store.read(1) == record
    store.write(replace(record, status=Status.DONE, billed="yes"))
    assert Store(store.folder).read(1).status is Status.DONE


def test_the_golden_record_of_format_1_is_read_for_ever() -> None:
    """A record as the first version wrote it, with every field set, means the same to every later version."""
    path = Path(__file__).parents[1] / "records" / "v1.json"
    assert Record.from_json(json.loads(path.read_text("utf-8"))) == golden()


def test_the_golden_record_sets_every_field() -> None:
    """The golden record would notice any field that is no longer read."""
    empty = Record(id="", request=Request(prompt=""), created=0.0)
    same = [one.name for one in fields(Record) if getattr(golden(), one.name) == getattr(empty, one.name)]
    assert same == []


def golden() -> Record:
    return Record(
        id="0123456789abcdef0123456789abcdef",
        request=Request(
            prompt="a red fox in snow, 雪中红狐, it's “quoted” 🦊\nsecond line",
            model="gpt-image-2",
            service="openai",
            params={"n": 2, "size": "1024x1024", "quality": "high", "nested": {"a": [1, 2.5, None, True]}},
            inputs=("ab" * 32, "cd" * 32),
        ),
        created=1767225600.25,
        number=12,
        status=Status.PARTIAL,
        billed="yes",
        demo=True,
        kernel="11111111111111111111111111111111",
        cell="3f2a-cell",
        execution="22222222222222222222222222222222",
        place=1,
        model="gpt-image-2",
        idempotency_key="33333333333333333333333333333333",
        name="fox",
        alt="A fox",
        tags=("*", "winter", "冬"),
        parents=("44444444444444444444444444444444.1",),
        attempts=(
            Attempt(at=1767225600.5, phase="connecting", error="ConnectFailed"),
            Attempt(at=1767225601.5, phase="answered", status=200, request_id="req-1"),
        ),
        state={"task": "1320098173412546", "index": 2},
        kept=(
            Kept(
                index=0,
                sha256="ab" * 32,
                mime="image/png",
                width=1024,
                height=768,
                size_bytes=123456,
                revised_prompt="a red fox, standing",
                seed=-7,
            ),
            Kept(
                index=1,
                link="https://pictures.example/2.png",
                error=Failure(type="LinkExpiredError", template="the link is no longer good"),
            ),
        ),
        expected=2,
        buttons=(Button(label="U1", action="MJ::JOB::upsample::1::x"),),
        usage={"total_tokens": 4160, "input_tokens_details": {"text_tokens": 10}},
        cost=Money(Decimal("0.0400"), "CNY", "reported"),
        request_id="req-1",
        elapsed=8.25,
        error=Failure(
            type="LinkExpiredError",
            template="the link to {host} is no longer good",
            advice="resume {ref}",
            kept="the link is kept",
            facts={"host": "pictures.example", "ref": "#12"},
            status=404,
            code="x",
            request_id="req-1",
        ),
        settled=True,
        relay="ea2963b920866a97",
    )


def test_numbers_are_never_used_again(store: Store) -> None:
    """Not after the trash, not after deletion of the record while its answer or lock is there."""
    first, second, third = (store.claim(record_of()) for _ in range(3))
    store.trash(third.number)
    assert store.claim(record_of()).number == 4
    with store.hold(4) or pytest.fail("held"):
        pass
    (store.folder / "jobs" / "4.json").unlink()
    assert store.claim(record_of()).number == 5
    assert [one.id for one in store.records()][:2] == [first.id, second.id]


def test_many_threads_claim_each_number_once(store: Store) -> None:
    """Threads of one store never share a number."""
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda n: store.claim(record_of(f"p{n}")), range(40)))
    assert sorted(one.number for one in claimed) == list(range(1, 41))
    assert {one.id for one in store.records()} == {one.id for one in claimed}


def claim_and_finish(folder: str, kernel: str, count: int) -> None:
    store = Store(Path(folder))
    for place in range(count):
        record = store.claim(record_of(f"{kernel} {place}", kernel=kernel, place=place))
        store.write(replace(record, status=Status.RUNNING, billed="maybe"))
        store.keep_picture(PNG, mime="image/png")
        store.find(kernel)
        store.write(replace(record, status=Status.DONE, billed="yes"))


def test_two_kernels_with_fifty_jobs_each_lose_and_double_nothing(store: Store) -> None:
    """Two processes work in one folder at once; every record of both is there once, finished."""
    spawn = multiprocessing.get_context("spawn")
    kernels = [spawn.Process(target=claim_and_finish, args=(str(store.folder), name, 50)) for name in ("k1", "k2")]
    for kernel in kernels:
        kernel.start()
    for kernel in kernels:
        kernel.join()
    assert [kernel.exitcode for kernel in kernels] == [0, 0]
    records = store.records()
    assert [one.number for one in records] == list(range(1, 101))
    assert {(one.kernel, one.place) for one in records} == {(k, p) for k in ("k1", "k2") for p in range(50)}
    assert {one.status for one in records} == {Status.DONE}
    assert store.damaged == ()
    assert len(store.find("k1", limit=200)) == 50


def test_damaged_records_are_left_out_and_named(store: Store, tmp_path: Path) -> None:
    """Whatever lies in the folder, the other records load, and the search works."""
    for _ in range(3):
        store.claim(record_of("fine"))
    jobs = store.folder / "jobs"
    (jobs / "2.json").write_bytes(b'{"format": 1, "id"')
    (jobs / "4.json").write_bytes(b"[" * 100_000)
    (jobs / "5.json").write_bytes(b"")
    (jobs / "6.json").write_bytes(b'{"n": ' + b"9" * 10_000 + b"}")
    (jobs / "7.json").mkdir()
    os.mkfifo(jobs / "8.json")
    (jobs / "9.json").write_bytes((jobs / "1.json").read_bytes())
    with (jobs / "10.json").open("wb") as huge:
        huge.truncate(1 << 40)
    (jobs / "11.json").symlink_to(tmp_path / "n.ipynb")
    for name in ("../x.json", "x.json", "01.json", "1.json.bak", "１.json", "12.json\n", "-1.json", ".1.json.abc.tmp"):
        (jobs / name.replace("/", "_")).write_bytes(b"{}")
    assert [one.number for one in store.records()] == [1, 3]
    assert store.damaged == tuple(f"{number}.json" for number in (2, 4, 5, 6, 7, 8, 9, 10))
    assert store.find("fine") == [3, 1]
    assert store.claim(record_of()).number == 13
    for number in (2, 4, 5, 6, 7, 8, 9, 10, 11, 12):
        with pytest.raises(StoreCorrupt):
            store.read(number)


def test_a_damaged_record_in_the_way_is_kept_aside(store: Store) -> None:
    """The owner's next write works, and the damaged bytes go to quarantine."""
    record = store.claim(record_of())
    (store.folder / "jobs" / "1.json").write_bytes(b"scribble")
    store.write(record)
    assert store.read(1) == record
    assert b"scribble" in files_below(store.folder / "quarantine").values()


def test_a_late_write_never_overwrites_another_order(store: Store) -> None:
    """Where the number belongs to another order by now, the write fails and the other order stays."""
    late = store.claim(record_of("late"))
    (store.folder / "jobs" / "1.json").unlink()
    other = store.claim(record_of("other"))
    assert other.number == 1
    with pytest.raises(StoreError):
        store.write(late)
    assert store.read(1) == other


@pytest.mark.parametrize("broken", [{"alt": "x" * (2 << 20)}, {"elapsed": float("nan")}, {"usage": {"x": {1, 2}}}])
def test_a_record_that_could_not_be_read_again_is_not_written(store: Store, broken: dict[str, object]) -> None:
    """The last readable state stays."""
    record = store.claim(record_of())
    with pytest.raises(StoreError):
        store.write(replace(record, **broken))  # type: ignore[arg-type]
    assert store.read(1) == record


def test_a_change_by_another_kernel_is_seen_at_once(store: Store) -> None:
    """Neither equal size nor equal time hides a change."""
    store.claim(record_of("bird"))
    path = store.folder / "jobs" / "1.json"
    seen = path.stat()
    store.records()
    path.write_bytes(path.read_bytes().replace(b"bird", b"frog"))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert store.records()[0].request.prompt == "frog"


def test_records_that_did_not_change_are_not_parsed_again(store: Store) -> None:
    """Reading a long history again is cheap: the very same values come back."""
    store.claim(record_of())
    os.utime(store.folder / "jobs" / "1.json", (1, 1))
    assert store.records()[0] is store.records()[0]


def test_changes_can_be_asked_for_cheaply(store: Store) -> None:
    """After a quiet moment the stamp holds until something changes; while the clock cannot tell, it does not hold."""
    changed, stamp = store.changed_since(None)
    assert changed
    assert store.changed_since(stamp)[0]  # the folder is too young to be sure
    os.utime(store.folder / "jobs", (1, 1))
    _, stamp = store.changed_since(stamp)
    assert store.changed_since(stamp) == (False, stamp)
    store.claim(record_of())
    assert store.changed_since(stamp)[0]


def test_marks_survive_the_owner_who_goes_on_writing(store: Store) -> None:
    """A star set by one kernel while another still writes the record is not lost."""
    record = store.claim(record_of(tags=("own",)))
    assert Store(store.folder).mark(1, tags=["*", " winter ", "winter", ""]).tags == ("*", "winter")
    store.write(replace(record, status=Status.DONE))
    assert store.read(1).tags == store.records()[0].tags == ("*", "winter")
    assert store.read(1).status is Status.DONE
    assert store.mark(1, tags=[]).tags == ()


@pytest.mark.parametrize("marks", [b"", b"[]", b'{"tags": 7}', b'{"tags": {"a": 1}}', b"[" * 90_000])
def test_marks_that_cannot_be_read_hide_no_record(store: Store, marks: bytes) -> None:
    """The record appears with its own tags."""
    store.claim(record_of(tags=("own",)))
    (store.folder / "jobs" / "1.marks").write_bytes(marks)
    assert store.records()[0].tags == ("own",)


def test_marks_of_a_later_version_are_not_overwritten(store: Store) -> None:
    """What a later version knows of a record is left alone."""
    store.claim(record_of())
    (store.folder / "jobs" / "1.marks").write_text('{"format": 99, "tags": ["x"]}')
    with pytest.raises(StoreTooNew):
        store.mark(1, tags=[])


def test_what_is_not_there_can_be_neither_marked_nor_trashed(store: Store) -> None:
    """A number without a record is an error, and leaves nothing behind."""
    before = files_below(store.folder)
    for act in (lambda: store.mark(7, tags=["x"]), lambda: store.trash(7), lambda: store.restore(7)):
        with pytest.raises(StoreCorrupt):
            act()
    assert files_below(store.folder) == before


def test_the_trash_gives_back_what_it_took(store: Store) -> None:
    """Record and marks go and come back; twice is fine."""
    store.claim(record_of())
    marked = store.mark(1, tags=["*"])
    for _ in range(2):
        store.trash(1)
    assert store.records() == []
    assert store.trashed() == [marked]
    for _ in range(2):
        store.restore(1)
    assert store.records() == [marked]
    assert store.trashed() == []


def test_a_job_that_is_trashed_while_it_runs_stays_in_the_trash(store: Store) -> None:
    """The owner's later states go to where the record is."""
    record = store.claim(record_of())
    store.trash(1)
    store.write(replace(record, status=Status.DONE))
    assert store.records() == []
    assert store.trashed()[0].status is Status.DONE
