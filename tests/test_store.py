"""The store: what it is told stays told, whatever happens in between."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from now_jupyter._errors import StoreCorrupt, StoreError, StoreFull, StoreTooNew, StoreUnavailable
from now_jupyter._records import Attempt, Kept, Record
from now_jupyter._store import Store
from now_jupyter._values import Button, Failure, Money, Request, Status, digest

PNG = b"\x89PNG\r\n\x1a\n and so on"


def record_of(prompt: str = "a fox", **more: object) -> Record:
    return replace(Record(id=uuid4().hex, request=Request(prompt=prompt), created=1.0), **more)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "n.now", notebook=tmp_path / "n.ipynb")
    store.preflight()
    return store


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# The place.


def test_a_store_that_is_only_looked_at_leaves_no_trace(tmp_path: Path) -> None:
    """Making a store and reading it touches nothing on disk."""
    store = Store(tmp_path / "n.now")
    assert not store.exists
    assert store.identity == store.last_notebook == ""
    assert store.records() == store.trashed() == store.find("x") == []
    assert store.answer(1) is None
    assert not store.is_held(1)
    with pytest.raises(StoreCorrupt):
        store.read(1)
    assert list(tmp_path.iterdir()) == []


def test_preflight_makes_a_private_folder_that_says_what_it_is(store: Store, tmp_path: Path) -> None:
    """The folder is closed to others, has a lasting identity, names its notebook; what passes is kept out of git."""
    assert store.exists
    assert store.last_notebook == str(tmp_path / "n.ipynb")
    assert len(store.identity) == 32
    assert {stat.S_IMODE(path.stat().st_mode) for path in (store.folder, *store.folder.iterdir())} == {0o700, 0o600}
    ignored = (store.folder / ".gitignore").read_text().split()
    assert {"answers/", "quarantine/", "trash/", "index.sqlite*", "locks/"} <= set(ignored)


def test_a_second_preflight_changes_nothing_but_the_notebook(store: Store, tmp_path: Path) -> None:
    """Preflight may be called before every purchase; the identity stays, the notebook follows."""
    before, identity = files_below(store.folder), store.identity
    store.preflight()
    assert files_below(store.folder) == before
    other = Store(store.folder, notebook=tmp_path / "renamed.ipynb")
    other.preflight()
    assert (other.identity, other.last_notebook) == (identity, str(tmp_path / "renamed.ipynb"))


def test_too_little_space_is_told_before_buying(store: Store) -> None:
    """Preflight refuses when the file system has less than is needed."""
    with pytest.raises(StoreFull):
        store.preflight(need_bytes=1 << 62)


def test_preflight_really_writes(tmp_path: Path) -> None:
    """A limit that only a write meets, like a quota, is met by the preflight."""
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from now_jupyter._store import Store\n"
        "from now_jupyter._errors import StoreFull\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "try: Store(Path(sys.argv[1])).preflight()\n"
        "except StoreFull: pass\n"
        "else: sys.exit(3)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "n.now"], check=True)
    assert not list((tmp_path / "n.now").rglob("*.tmp"))


@pytest.mark.parametrize("part", [".", "jobs", "answers", "pictures", "quarantine", "trash", "locks"])
def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path: Path, part: str) -> None:
    """A folder that came with links in it is neither read nor written, and where they lead nothing changes."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder = tmp_path / "n.now"
    if part != ".":
        folder.mkdir()
    (folder / part if part != "." else folder).symlink_to(elsewhere)
    store = Store(folder)
    for act in (store.preflight, store.records, lambda: store.claim(record_of()), lambda: store.find("x")):
        with pytest.raises(StoreUnavailable):
            act()
    assert list(elsewhere.iterdir()) == []


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    """Somebody else's history is not ours to use."""
    foreign = Path("/usr")
    if os.geteuid() == 0:
        foreign = tmp_path / "n.now"
        foreign.mkdir()
        os.chown(foreign, 65534, 65534)
    with pytest.raises(StoreUnavailable):
        Store(foreign).preflight()
    with pytest.raises(StoreUnavailable):
        Store(foreign).records()


def test_a_spoilt_format_file_stops_nobody(store: Store) -> None:
    """It is moved aside and written anew; the records stay."""
    store.claim(record_of())
    (store.folder / "format").write_bytes(b"\xff{")
    store.preflight()
    assert store.exists
    assert len(store.records()) == 1
    assert any(path.read_bytes() == b"\xff{" for path in (store.folder / "quarantine").iterdir())


def test_a_history_of_a_later_version_is_read_and_never_written(store: Store) -> None:
    """Reading works as far as it can; nothing in the folder changes."""
    number = store.claim(record_of("a fox")).number
    form = json.loads((store.folder / "format").read_text())
    (store.folder / "format").write_text(json.dumps({**form, "format": 99}))
    before = files_below(store.folder)
    late = Store(store.folder)
    assert [one.number for one in late.records()] == [number] == late.find("fox")
    writes: list[Callable[[], object]] = [
        late.preflight,
        lambda: late.claim(record_of()),
        lambda: late.write(record_of(number=number)),
        lambda: late.mark(number, tags=["x"]),
        lambda: late.trash(number),
        lambda: late.keep_picture(PNG, mime="image/png"),
        lambda: late.open_answer(number),
    ]
    for act in writes:
        with pytest.raises(StoreTooNew):
            act()
    assert files_below(store.folder) == before


def test_a_record_of_a_later_version_is_not_overwritten(store: Store) -> None:
    """A single record that a later version wrote is left alone."""
    record = store.claim(record_of())
    path = store.folder / "jobs" / "1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(StoreTooNew):
        store.write(record)
    assert store.records() == []
    assert store.damaged == ("1.json",)


def test_a_folder_that_is_gone_is_not_made_again_behind_the_users_back(store: Store, tmp_path: Path) -> None:
    """A late write after the folder was moved fails, to be kept elsewhere, and does not split the history."""
    record = store.claim(record_of())
    store.folder.rename(tmp_path / "moved.now")
    with pytest.raises(StoreUnavailable):
        store.write(record)
    assert not store.folder.exists()


def test_the_place_does_not_move_with_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder is meant from where the store was made."""
    monkeypatch.chdir(tmp_path)
    store = Store(Path("n.now"))
    monkeypatch.chdir("/")
    store.preflight()
    assert (tmp_path / "n.now" / "format").exists()


# Records.


def test_a_claimed_record_comes_back_as_it_was(store: Store) -> None:
    """The intent is on disk with its number, and later states replace it."""
    record = store.claim(record_of("it's {a} \u202e fox\r\n狐 \ud83d"))
    assert record.number == 1
    assert store.read(1) == record
    store.write(replace(record, status=Status.DONE, billed="yes"))
    assert Store(store.folder).read(1).status is Status.DONE


def test_the_golden_record_of_format_1_is_read_for_ever() -> None:
    """A record as the first version wrote it, with every field set, means the same to every later version."""
    path = Path(__file__).parent / "records" / "v1.json"
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
            Kept(index=1, link="https://pictures.example/2.png", error="LinkExpiredError"),
        ),
        expected=2,
        buttons=(Button(label="U1", action="MJ::JOB::upsample::1::x"),),
        usage={"total_tokens": 4160, "input_tokens_details": {"text_tokens": 10}},
        cost=Money(Decimal("0.0400"), "CNY", "reported"),
        request_id="req-1",
        elapsed=8.25,
        error=Failure(
            type="LinkExpiredError", message="the link is no longer good", advice="resume", status=404, code="x"
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


# Marks and trash.


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


# Answers.


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
    assert found.body() == b'{"data":\n\x00\xff}'
    assert found.complete
    assert found.path.read_bytes()[found.offset :] == found.body()
    assert [path.name for path in (store.folder / "answers").iterdir()] == ["3"]
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
    assert (found.body(), found.complete) == (b"half", False)
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
    assert found.body() == b"second"
    kept = b"".join(files_below(store.folder / "quarantine").values())
    assert b"first" in kept
    assert b"third" in kept


def test_an_answer_with_a_spoilt_head_still_gives_its_body(store: Store) -> None:
    """Paid bytes are not lost to a bad first line; a cut first line has no body."""
    (store.folder / "answers" / "1").write_bytes(b"\xff\xfe\nbody")
    (store.folder / "answers" / "2.part").write_bytes(b'{"status"')
    found = store.answer(1)
    assert found is not None
    assert (found.head, found.body()) == ({}, b"body")
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
    assert found.body() == b"paid"


# Holds.


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
    mine = store._holds._mine
    with store._lock:
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


# Pictures.


def test_a_picture_is_kept_under_its_digest(store: Store) -> None:
    """Bytes as received, private, once; a second time changes nothing."""
    path = store.keep_picture(PNG, mime="image/png")
    sha = digest(PNG)
    assert path == store.pictures / sha[:2] / f"{sha}.png"
    before = path.stat().st_ino
    assert store.keep_picture(PNG, mime="image/png", sha256=sha) == path
    assert (path.read_bytes(), path.stat().st_ino) == (PNG, before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_download_is_moved_and_a_file_of_the_user_copied(store: Store, tmp_path: Path) -> None:
    """The temporary file is gone afterwards, also when the picture was there; the user's own file stays."""
    for _ in range(2):
        temp = store.temp_path()
        temp.write_bytes(PNG)
        path = store.keep_picture(temp, mime="image/png")
        assert not temp.exists()
    (tmp_path / "mine.png").write_bytes(PNG + b"2")
    store.keep_picture(tmp_path / "mine.png", mime="image/png")
    assert (tmp_path / "mine.png").exists()
    assert store.keep_picture(path, mime="image/png") == path
    assert path.read_bytes() == PNG


def test_a_picture_that_is_not_the_announced_one_goes_to_quarantine(store: Store) -> None:
    """The bytes are kept, with the reason, and the error says where."""
    with pytest.raises(StoreCorrupt) as caught:
        store.keep_picture(PNG, mime="image/png", sha256="0" * 64)
    kept = files_below(store.folder / "quarantine")
    assert PNG in kept.values()
    assert any(name.endswith(".why") for name in kept)
    assert "quarantine" in str(caught.value)
    assert files_below(store.pictures) == {}


@pytest.mark.parametrize("odd", ["bytes", "longer", "link", "pipe", "folder"])
def test_wrong_bytes_under_a_pictures_name_are_moved_aside(store: Store, tmp_path: Path, odd: str) -> None:
    """Whatever stands in the picture's place goes to quarantine, and the picture is written."""
    path = store.keep_picture(PNG, mime="image/png")
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
    assert store.keep_picture(PNG, mime="image/png").read_bytes() == PNG
    assert not path.is_symlink()
    assert len(list((store.folder / "quarantine").iterdir())) == 2
    if odd == "link":
        assert (tmp_path / "victim").read_bytes() == b"precious"


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
