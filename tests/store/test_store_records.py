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

from now_jupyter._messages import Failure
from now_jupyter._messages._errors import StoreCorrupt, StoreError, StoreTooNew
from now_jupyter._store import Record, RecordedOutput, Store
from now_jupyter._values import Attempt, Button, Input, Money, Origin, Request, Status
from records_made import files_below, keep, record_of


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
    plain, stored = (
        RecordedOutput(key="", number=0),
        {one.name for one in fields(RecordedOutput)} - {"tags", "is_trashed"},
    )
    outputs = golden().outputs
    assert [name for name in stored if all(getattr(one, name) == getattr(plain, name) for one in outputs)] == []


def golden() -> Record:
    button = Button(label="U1", action="MJ::JOB::upsample::1::x")
    origin = Origin(
        service="midjourney",
        model="midjourney",
        prompt="a hare",
        words=("a", "hare"),
        state={"task": "1320098173412545"},
        handle={"index": 1},
        buttons=(button,),
    )
    given = Input(
        role="vary",
        id="ab" * 32,
        sha256="ab" * 32,
        mime="image/png",
        width=1024,
        height=1024,
        size_bytes=99,
        origin=origin,
    )
    return Record(
        id="0123456789abcdef0123456789abcdef",
        request=Request(
            prompt="a red fox in snow, 雪中红狐, it's “quoted” 🦊\nsecond line",
            model="gpt-image-2",
            service="openai",
            params={"n": 2, "size": "1024x1024", "quality": "high", "nested": {"a": [1, 2.5, None, True]}},
            raw={"moderation": "low"},
            inputs=(given, Input(role="press", id="44444444444444444444444444444444 0")),
            button="U1",
        ),
        created=1767225600.25,
        number=12,
        status=Status.PARTIAL,
        billed="yes",
        demo=True,
        kernel="11111111111111111111111111111111",
        cell="3f2a-cell",
        execution="22222222222222222222222222222222",
        position=1,
        service="openai",
        model="gpt-image-2",
        share=2,
        memo={"dialect": "gpt"},
        charge={"name": "gpt-image-2", "times": "2", "unit": "picture"},
        expected=2,
        idempotency_key="33333333333333333333333333333333",
        answered_by="gpt-image-2-2026-01-01",
        name="fox",
        alt="A fox",
        tags=("*", "winter", "冬"),
        parents=("44444444444444444444444444444444.1",),
        attempts=(
            Attempt(at=1767225600.5, phase="connecting", error="ConnectFailed"),
            Attempt(at=1767225601.5, phase="answered", status=200, request_id="req-1", service="openai"),
        ),
        state={"task": "1320098173412546", "index": 2},
        outputs=(
            RecordedOutput(
                key="0",
                number=1,
                file="12-red-fox-in-snow-雪中红狐.png",
                sha256="ab" * 32,
                mime="image/png",
                width=1024,
                height=768,
                size_bytes=123456,
                about={"revised_prompt": "a red fox, standing", "seed": -7},
                handle={"index": 1},
                stands_for=("cd" * 32,),
            ),
            RecordedOutput(
                key="1",
                number=2,
                sources=({"link": "https://pictures.example/2.png"},),
                error=Failure(type="LinkExpiredError", template="the link is no longer good"),
            ),
            RecordedOutput(key="sheet", number=3, kind="words", is_side=True, words="it is done"),
        ),
        buttons=(button,),
        needs="confirm",
        usage={"total_tokens": 4160, "input_tokens_details": {"text_tokens": 10}},
        cost=Money(Decimal("0.0400"), "CNY", "reported"),
        request_id="req-1",
        elapsed=8.25,
        error=Failure(
            type="LinkExpiredError",
            template="the link of {name} is no longer good",
            advice="%now resume asks again",
            kept="{name} is kept",
            facts={"name": "狐"},
            status=404,
            code="x",
            request_id="req-2",
        ),
        settled=True,
        relay="ea2963b920866a97",
        taken_from="mine.now#3",
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
    for position in range(count):
        record = store.claim(record_of(kernel=kernel, position=position))
        store.write(replace(record, status=Status.RUNNING, billed="maybe"))
        kept = keep(store, replace(record, billed="yes"), f"{kernel} {position}".encode())
        store.records()
        store.write(replace(kept, status=Status.DONE))


@pytest.mark.slow
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
    assert {(one.kernel, one.position) for one in records} == {(k, p) for k in ("k1", "k2") for p in range(50)}
    files = {one.outputs[0].file: f"{one.kernel} {one.position}".encode() for one in records}
    assert files_below(store.pictures) == files
    assert {one.status for one in records} == {Status.DONE}
    assert store.damaged == ()


def test_damaged_records_are_left_out_and_named(store: Store, tmp_path: Path) -> None:
    """Whatever lies in the folder, the other records load."""
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
    assert [one.number for one in store.newest(2)] == [1, 3]
    assert Store(store.folder).claim(record_of()).number == 13
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
    for trace in ("jobs/1.json", "locks/1.lock"):
        (store.folder / trace).unlink()
    other = store.claim(record_of("other"))
    assert other.number == 1
    with pytest.raises(StoreError):
        store.write(late)
    assert store.read(1) == other


def test_a_record_that_could_not_be_read_again_is_not_written(store: Store) -> None:
    """The last readable state stays."""
    record = store.claim(record_of())
    with pytest.raises(StoreError):
        store.write(replace(record, request=replace(record.request, raw={"x": {1, 2}})))  # type: ignore[dict-item]
    assert store.read(1) == record


@pytest.mark.parametrize("absurd", [{"alt": "x" * (2 << 20)}, {"elapsed": float("nan")}, {"usage": {"x": {1, 2}}}])
def test_what_is_absurd_is_cut_and_never_keeps_a_record_from_being_written(
    store: Store, absurd: dict[str, object]
) -> None:
    """A field that is too long, no number or no JSON is within its bound, and the record is read back equal."""
    record = replace(store.claim(record_of()), **absurd)  # type: ignore[arg-type]
    store.write(record)
    assert store.read(1) == record


def test_a_change_by_another_kernel_is_seen_at_once(store: Store) -> None:
    """Neither equal size nor equal time hides a change."""
    store.claim(record_of("bird"))
    path, other = store.folder / "jobs" / "1.json", store.folder / "jobs" / "1.json.new"
    seen = path.stat()
    store.records()
    other.write_bytes(path.read_bytes().replace(b"bird", b"frog"))
    os.utime(other, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    other.replace(path)
    assert store.records()[0].request.prompt == "frog"


def test_records_that_did_not_change_are_not_parsed_again(store: Store) -> None:
    """Reading a long history again is cheap: the very same values come back."""
    store.claim(record_of())
    os.utime(store.folder / "jobs" / "1.json", (1, 1))
    assert store.records()[0] is store.records()[0]


def test_numbers_go_on_where_another_kernel_stopped(store: Store) -> None:
    """Those that it used meanwhile are passed over, also where only the trash, an answer or a lock shows it."""
    mine, other = store.claim(record_of()), Store(store.folder)
    theirs = [other.claim(record_of()) for _ in range(3)]
    other.trash(theirs[0].number)
    (store.folder / "jobs" / f"{theirs[1].number}.json").rename(store.folder / "answers" / f"{theirs[1].number}")
    (store.folder / "locks" / "5.lock").touch()
    assert (mine.number, store.claim(record_of()).number) == (1, 6)


def test_another_folder_in_the_same_place_goes_on_with_its_own_numbers(store: Store, tmp_path: Path) -> None:
    """The user put another history where this one was."""
    store.claim(record_of())
    other = Store(tmp_path / "other.now")
    for _ in range(4):
        other.claim(record_of())
    (other.folder / "jobs" / "1.json").unlink()
    store.folder.rename(tmp_path / "away")
    other.folder.rename(store.folder)
    assert store.claim(record_of()).number == 5


def test_marks_survive_the_owner_who_goes_on_writing(store: Store) -> None:
    """A star set by one kernel while another still writes the record is not lost."""
    record = store.claim(record_of(tags=("own",)))
    assert Store(store.folder).mark(1, add=["*", " winter ", "winter", ""]).tags == ("own", "*", "winter")
    store.write(replace(record, status=Status.DONE))
    assert store.read(1).tags == store.records()[0].tags == ("own", "*", "winter")
    assert store.read(1).status is Status.DONE
    assert store.mark(1, remove=["*", "winter", "own"]).tags == ()


@pytest.mark.parametrize(
    "marks", [b"", b"[]", b'{"tags": 7}', b'{"tags": {"a": 1}}', b'{"outputs": []}', b"[" * 90_000]
)
def test_marks_that_cannot_be_read_hide_no_record(store: Store, marks: bytes) -> None:
    """The record appears with its own tags."""
    store.claim(record_of(tags=("own",)))
    (store.folder / "jobs" / "1.marks").write_bytes(marks)
    assert store.records()[0].tags == ("own",)


def test_each_output_has_marks_of_its_own(store: Store) -> None:
    """Marks of one say nothing of the others, those of the generation are all's; a record itself holds none."""
    outputs = tuple(RecordedOutput(key=f"k{number}", number=number, words="x") for number in (1, 2))
    record = store.claim(record_of(outputs=outputs, tags=("own",)))
    store.mark(1, add=["*", " cover "], output="k2")
    store.trash(1, "k1")
    store.write(replace(store.read(1), status=Status.DONE))
    seen = Store(store.folder).read(1)
    assert seen.tags == ("own",)
    assert [(one.tags, one.is_trashed) for one in seen.outputs] == [(None, True), (("own", "*", "cover"), False)]
    assert "cover" not in (store.folder / "jobs" / "1.json").read_text()
    store.mark(1, add=["all"])
    store.restore(1, "k1")
    seen = store.read(1)
    assert [seen.tags_of(one) for one in seen.outputs] == [("own", "all"), ("own", "*", "cover", "all")]
    assert not any(one.is_trashed for one in seen.outputs)
    store.mark(1, remove=["own"], output="k1")
    store.mark(1, remove=["all"])
    seen = store.read(1)
    assert [seen.tags_of(one) for one in seen.outputs] == [(), ("own", "*", "cover")]
    for act in (lambda: store.mark(1, add=["x"], output="k3"), lambda: store.trash(1, "k3")):
        with pytest.raises(StoreCorrupt):
            act()
    assert record.number == 1


def test_marks_inside_a_record_are_not_believed(store: Store) -> None:
    """Only the file beside it says what is marked: a record that came along cannot hide its outputs."""
    store.claim(record_of(outputs=(RecordedOutput(key="k", number=1, words="x"),)))
    path = store.folder / "jobs" / "1.json"
    form = json.loads(path.read_text())
    form["outputs"][0] |= {"is_trashed": True, "tags": ["*"]}
    path.write_text(json.dumps(form))
    assert (store.read(1).outputs[0].is_trashed, store.read(1).outputs[0].tags) == (False, None)


def test_marks_of_a_later_version_are_not_overwritten(store: Store) -> None:
    """What a later version knows of a record is left alone."""
    store.claim(record_of())
    (store.folder / "jobs" / "1.marks").write_text('{"format": 99, "tags": ["x"]}')
    with pytest.raises(StoreTooNew):
        store.mark(1, add=["y"])


def test_what_is_not_there_can_be_neither_marked_nor_trashed(store: Store) -> None:
    """A number without a record is an error, and leaves nothing behind."""
    before = files_below(store.folder)
    for act in (lambda: store.mark(7, add=["x"]), lambda: store.trash(7), lambda: store.restore(7)):
        with pytest.raises(StoreCorrupt):
            act()
    assert files_below(store.folder) == before


def test_the_trash_gives_back_what_it_took(store: Store) -> None:
    """Record and marks go and come back; twice is fine."""
    store.claim(record_of())
    marked = store.mark(1, add=["*"])
    for _ in range(2):
        store.trash(1)
    assert store.records() == []
    assert store.trashed() == [marked]
    for _ in range(2):
        store.restore(1)
    assert store.records() == [marked]
    assert store.trashed() == []


def test_the_last_output_takes_its_record_to_the_trash(store: Store) -> None:
    """One by one until nothing is left; one comes back alone, the record with all that it had."""
    store.claim(record_of(outputs=tuple(RecordedOutput(key=f"k{one}", number=one, words="x") for one in (1, 2, 3))))
    kept = lambda: [[one.key for one in record.shown] for record in store.records()]  # noqa: E731 - asked again and again
    for key, left in (("k2", [["k1", "k3"]]), ("k1", [["k3"]]), ("k3", [])):
        store.trash(1, key)
        assert kept() == left
    store.restore(1, "k2")
    assert kept() == [["k2"]]
    store.trash(1)
    store.restore(1)
    assert kept() == [["k1", "k2", "k3"]]


def test_a_job_that_is_trashed_while_it_runs_stays_in_the_trash(store: Store) -> None:
    """The owner's later states go to where the record is."""
    record = store.claim(record_of())
    store.trash(1)
    store.write(replace(record, status=Status.DONE))
    assert store.records() == []
    assert store.trashed()[0].status is Status.DONE
