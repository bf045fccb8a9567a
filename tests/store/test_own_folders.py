"""Whose folder is it: what this user made or agreed to is lived in, all else is looked at and stays as it is."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from clean_room import GUARD, ROOT
from demo_calls import png
from now_jupyter._messages import ConfigError, NowImageError, StoreUnavailable
from now_jupyter._session import Session
from now_jupyter._store import Store, _own
from now_jupyter._store._folder import find_home
from now_jupyter._values import Status
from records_made import keep, record_of
from relays import Served, new_session, relay_on_loopback
from test_folder import notebook

PNG = png()
PARTS = ("jobs", "answers", "pictures", "inputs", "quarantine", "trash", "locks")


def history(folder: Path) -> str:
    """Make a history with one picture, as this user, and give the id of its record."""
    store = Store(folder)
    store.preflight()
    record = store.claim(record_of("a fox", status=Status.PENDING, billed="yes"))
    store.write(replace(keep(store, record, PNG), status=Status.DONE))
    return record.id


def receive(folder: Path) -> None:
    """Have a history be another's: its random id is none that this user knows."""
    path = folder / "format"
    path.write_text(json.dumps({**json.loads(path.read_text()), "id": uuid.uuid4().hex}))


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything below a folder: modes, times and bytes."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        seen = os.lstat(path)
        data = path.read_bytes() if stat.S_ISREG(seen.st_mode) else b""
        found[str(path)] = (seen.st_mode, seen.st_mtime_ns, data)
    return found


def looks(session: Session, beside: Path) -> list[Callable[[], object]]:
    """All that reads a history, and the repairs that follow a look."""
    store = session.context.home().store
    return [
        lambda: repr(session.history),
        lambda: session.history.search("fox"),
        session.history.cost,
        session.doctor,
        session.budget,
        store.trashed,
        lambda: store.answer(1),
        lambda: store.is_held(1),
        lambda: [picture.bytes() for one in session.history for picture in one.pictures],
        lambda: find_home("", notebook(beside / "x.ipynb", "0" * 32), beside),
    ]


def changes(session: Session) -> list[Callable[[], object]]:
    """All that would write into a history."""
    return [
        lambda: session.generate("a fox"),
        lambda: session.generate("a hare", reuse=False),
        lambda: session.star("#1"),
        lambda: session.tag("#1", "x"),
        lambda: session.trash("#1"),
        lambda: session.set_budget("5"),
        lambda: session.set_budget(None),
        session.resume,
    ]


# What is not ours stays as it is


@pytest.fixture
def received(tmp_path: Path) -> Path:
    """A history that somebody else made, with a budget, rights for the group, a bad picture and old leftovers."""
    folder = tmp_path / "untitled.now"
    history(folder)
    (folder / "budget.json").write_text("{}")
    (folder / "pictures" / "1-fox.png").write_bytes(b"other bytes")
    for name in ("pictures/.x.tmp", "answers/.download.x.tmp"):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (1, 1))
    running = record_of("running", number=2, status=Status.RUNNING, billed="maybe", service="openai-images")
    (folder / "jobs" / "2.json").write_text(json.dumps(running.to_json()))
    (folder / "locks" / "2.lock").write_text("bytes")
    for path in (folder, *(folder / part for part in PARTS), folder / "locks" / "2.lock"):
        path.chmod(0o2775 if path.is_dir() else 0o664)
    receive(folder)
    return folder


def test_a_received_history_is_looked_at_and_stays_as_it_is(received: Path, tmp_path: Path) -> None:
    """Reading works at once; no look, and no change that is refused, leaves a trace: no mode, file or lock changes."""
    before = snapshot(received)
    with relay_on_loopback() as served, new_session(tmp_path, served.url) as session:
        assert len(session.history) == 2
        for look in looks(session, tmp_path):
            with suppress(NowImageError, OSError):
                look()
        for change in changes(session):
            with pytest.raises(StoreUnavailable, match="made by you"):
                change()
        assert served.posts == 0
    assert snapshot(received) == before


def test_looking_beside_changes_nothing_either(received: Path, tmp_path: Path) -> None:
    """A history beside the notebook that another made answers no order, and keeps its modes."""
    sibling = received.rename(tmp_path / "theirs.now")
    (sibling / "pictures" / "1-fox.png").write_bytes(PNG)
    before = snapshot(sibling)
    with relay_on_loopback() as served, new_session(tmp_path, served.url) as session:
        session.generate("a fox")
        assert served.posts == 1
    assert snapshot(sibling) == before


def test_a_received_folder_chooses_no_model(received: Path, tmp_path: Path) -> None:
    """A choice that spends belongs to the user, whatever files come along."""
    with relay_on_loopback() as served:
        for form in ({"model": "dall-e-3"}, {served.url: "dall-e-3"}, {served.url: {"model": "dall-e-3"}}):
            for name in ("models.json", "relays.json", "config.json", "logins.json"):
                (received / name).write_text(json.dumps(form))
            with new_session(tmp_path, served.url) as session:
                assert session.default_model() == "gpt-image-2"
                assert session.settings().model == ""
        assert served.posts == 0


def test_an_own_history_beside_answers(tmp_path: Path) -> None:
    """The same, made by this user, saves the money."""
    history(tmp_path / "mine.now")
    with relay_on_loopback() as served, new_session(tmp_path, served.url) as session:
        assert session.generate("a fox").pictures[0].bytes() == PNG
        assert served.posts == 0


@pytest.mark.parametrize("names", [["format"], ["thesis.tex"], ["jobs/1.json", "README"], [".git/config"]])
def test_a_folder_of_something_else_is_refused_and_untouched(names: list[str], tmp_path: Path) -> None:
    """`%now folder DIR` on a project, though a file in it is called `format`: nothing is moved, made or closed."""
    project = tmp_path / "project"
    for name in names:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text('{"format": 1, "of": "the user"}')
    project.chmod(0o2775)
    before = snapshot(project)
    with new_session(tmp_path) as session:
        with pytest.raises(StoreUnavailable, match="something else"):
            session.context.use_folder("project")
        assert session.context.home().store.folder.name == "untitled.now"
    with new_session(tmp_path, environ={"NOW_FOLDER": str(project)}) as session:
        for act in (*looks(session, tmp_path), *changes(session)):
            with suppress(NowImageError):
                act()
    assert snapshot(project) == before


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    """Also where a crash left the beginning of the first file."""
    (tmp_path / "new.now").mkdir(mode=0o755)
    (tmp_path / "new.now" / ".format.0123.tmp").touch()
    with new_session(tmp_path) as session:
        session.context.use_folder("new.now")
        assert session.generate("a fox").ref == "#1"
    assert stat.S_IMODE((tmp_path / "new.now").stat().st_mode) == 0o755


# Links, pipes and sockets in the place of anything


def _symlink(path: Path, theirs: Path) -> None:
    path.symlink_to(theirs / "x" if path.suffix or path.name == "format" else theirs)


def _link_to_folder(path: Path, theirs: Path) -> None:
    path.symlink_to(theirs)


def _hardlink(path: Path, theirs: Path) -> None:
    os.link(theirs / "x", path)


def _pipe(path: Path, _theirs: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path, _theirs: Path) -> None:
    there = os.getcwd()  # noqa: PTH109 - the address of a socket is short
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(there)


PLACES = (
    *("format", ".gitignore", "budget.json", *PARTS),
    *("jobs/1.json", "jobs/1.marks", "jobs/9.json", "answers/1", "answers/1.part", "answers/.old.tmp"),
    *("pictures/1-fox.png", "pictures/zz", "pictures/.old.tmp", "locks/0.lock", "locks/2.lock", "trash/8.json"),
    *("quarantine/x", f"inputs/{'2' * 64}.png"),
)


@pytest.mark.parametrize("is_own", [False, True], ids=["received", "own"])
@pytest.mark.parametrize("put", [_symlink, _link_to_folder, _hardlink, _pipe, _socket])
@pytest.mark.slow
def test_no_link_leads_out_of_a_history(
    put: Callable[[Path, Path], None], is_own: bool, tmp_path: Path, clean_home: Path
) -> None:
    """Whatever stands in any place of a folder, looking, repairing and ordering change nothing where it leads."""
    theirs = tmp_path / "theirs"
    (theirs / "inner").mkdir(parents=True)
    for name in ("x", "inner/.old.tmp", "1.json", ".old.tmp"):
        (theirs / name).write_bytes(b"the user's own")
        (theirs / name).chmod(0o644)
        os.utime(theirs / name, (1, 1))
    theirs.chmod(0o2775)
    before = snapshot(theirs)
    for number, place in enumerate(PLACES):
        work = tmp_path / str(number)
        folder = work / "untitled.now"
        folder.parent.mkdir()
        history(folder)
        path = folder / place
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        put(path, theirs)
        if not is_own:
            shutil.rmtree(clean_home / "state", ignore_errors=True)
        inside = os.listdir(folder)  # noqa: PTH208 - names
        with new_session(work) as session:
            for act in (*looks(session, work), *(changes(session) if place != "format" or is_own else ())):
                with suppress(NowImageError, OSError):
                    act()
        assert snapshot(theirs) == before, place
        if not is_own:
            assert sorted(os.listdir(folder)) == sorted(inside), place  # noqa: PTH208


@pytest.mark.parametrize("depth", ["work", "work/deep"])
def test_links_above_a_history_are_ordinary(depth: str, tmp_path: Path) -> None:
    """`~/work → /data`: orders work, and the folder is where the link leads."""
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "work").symlink_to(tmp_path / "data")
    with new_session(tmp_path / depth) as session:
        assert session.generate("a fox").ref == "#1"
        assert session.history["#1"].pictures[0].bytes()
        assert session.context.home().store.folder == (tmp_path / depth).resolve() / "untitled.now"
    with new_session(tmp_path / depth) as session:
        session.generate("a hare")
        assert [one.ref for one in session.history] == ["#1", "#2"]


# Until the user says so


def test_the_users_word_is_asked_once(received: Path, tmp_path: Path) -> None:
    """The message's own advice works, and holds in every later kernel; then the history answers."""
    with relay_on_loopback() as served:
        with new_session(tmp_path, served.url) as session:
            with pytest.raises(StoreUnavailable) as caught:
                session.generate("a hare")
            assert "%now adopt untitled.now" in "\n".join(caught.value.lines())
            (received / "budget.json").unlink()
            assert session.context.adopt("untitled.now")
            assert session.generate("a hare").ref == "#3"
        with new_session(tmp_path, served.url) as session:
            session.generate("a horse")
            assert len(session.history) == 4
        assert served.posts == 2


def test_a_history_of_ones_own_is_known_by_any_name(tmp_path: Path) -> None:
    """Copied or renamed, it is this user's: nothing is asked."""
    history(tmp_path / "old.now")
    shutil.copytree(tmp_path / "old.now", tmp_path / "untitled.now")
    (tmp_path / "old.now").rename(tmp_path / "older.now")
    with new_session(tmp_path) as session:
        assert session.context.home().store.is_own
        assert session.star("#1").starred


@pytest.fixture
def served() -> Iterator[Served]:
    """A relay on loopback."""
    with relay_on_loopback() as one:
        yield one


def test_losing_the_users_state_loses_no_picture(tmp_path: Path, clean_home: Path, served: Served) -> None:
    """It only asks again, in one line that works, and what was paid for is served then."""
    with new_session(tmp_path, served.url) as session:
        made = session.generate("a fox")
    shutil.rmtree(clean_home / "state")
    with new_session(tmp_path, served.url) as session:
        assert session.history[-1].pictures[0].bytes() == made.pictures[0].bytes()
        with pytest.raises(StoreUnavailable, match="made by you"):
            session.generate("a fox")
        session.context.adopt("untitled.now")
        assert session.generate("a fox").id == made.id
    assert served.posts == 1


def test_without_a_place_to_remember_it_holds_in_this_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    """A home that cannot be written breaks nothing: what is made here is lived in, the next kernel asks and says so."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with new_session(tmp_path, served.url) as session:
        session.generate("a fox")
        session.generate("a hare")
    monkeypatch.setattr(_own, "_OF_KERNEL", set())
    with new_session(tmp_path, served.url) as session:
        with pytest.raises(StoreUnavailable):
            session.generate("a horse")
        assert not session.context.adopt("untitled.now")
        session.generate("a horse")
    assert served.posts == 3


def test_a_folder_that_is_set_is_the_users_word(received: Path, tmp_path: Path, served: Served) -> None:
    """`%now folder`, `NOW_FOLDER` and `Session(folder=…)` say it; the notebook's own folder knows it afterwards."""
    (received / "budget.json").unlink()
    with new_session(tmp_path, served.url, environ={"NOW_FOLDER": "untitled.now"}) as session:
        assert session.generate("a hare").ref == "#3"
    with new_session(tmp_path, served.url) as session:
        assert session.context.home().store.is_own


def test_a_spoilt_format_asks_and_is_repaired(tmp_path: Path) -> None:
    """Who made it stands there no more: nothing is written before the user agrees, and no record is lost."""
    history(tmp_path / "untitled.now")
    (tmp_path / "untitled.now" / "format").write_bytes(b"\xff{")
    with new_session(tmp_path) as session:
        assert len(session.history) == 1
        with pytest.raises(StoreUnavailable):
            session.star("#1")
        assert (tmp_path / "untitled.now" / "format").read_bytes() == b"\xff{"
        session.context.adopt("untitled.now")
        assert session.star("#1").starred
    with new_session(tmp_path) as session:
        assert session.context.home().store.is_own


# Following a notebook


@pytest.mark.parametrize("is_left", [False, True])
def test_a_received_history_follows_no_notebook(is_left: bool, tmp_path: Path, served: Served) -> None:
    """Its published id brings it neither into use nor out of its place; nothing is bought until the user says so."""
    identity = history(tmp_path / "theirs.now")
    receive(tmp_path / "theirs.now")
    if is_left:
        notebook(tmp_path / "theirs.ipynb", identity)
    path = notebook(tmp_path / "fox.ipynb", identity)
    with new_session(tmp_path, served.url, environ={"JPY_SESSION_NAME": str(path)}) as session:
        with pytest.raises(ConfigError, match="not beside it") as caught:
            session.generate("a fox")
        assert "%now adopt theirs.now" in "\n".join(caught.value.lines())
        assert (tmp_path / "theirs.now").exists()
        assert session.context.adopt("theirs.now")
        assert session.generate("a fox").id == identity
    assert served.posts == 0


def test_the_advice_is_meant_beside_the_notebook(tmp_path: Path, served: Served) -> None:
    """Wherever the kernel works."""
    (tmp_path / "books").mkdir()
    history(tmp_path / "books" / "fox.now")
    receive(tmp_path / "books" / "fox.now")
    environ = {"JPY_SESSION_NAME": str(notebook(tmp_path / "books" / "fox.ipynb"))}
    with new_session(tmp_path, served.url, environ=environ) as session:
        with pytest.raises(StoreUnavailable, match="made by you"):
            session.generate("a fox")
        session.context.adopt("fox.now")
        assert session.generate("a fox").ref == "#1"


# Users without a home, and folders of others


def test_a_folder_of_another_user_says_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`%now history` tells why nothing is listed, an order why it is refused, and the doctor what is in the way."""
    foreign = Path("/usr")
    if os.geteuid() == 0:
        history(foreign := tmp_path / "untitled.now")
        os.chown(foreign, 65534, 65534)
    whose = f"belongs to {foreign.owner()}"

    def closed(folder: Path) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    with new_session(tmp_path, environ={"NOW_FOLDER": str(foreign)}) as session:
        with pytest.raises(StoreUnavailable, match=whose):
            repr(session.history)
        monkeypatch.setattr("now_jupyter._store._layout.list_names", closed)
        with pytest.raises(StoreUnavailable, match=whose):
            session.generate("a fox")
        assert whose in session.doctor().text()


CHILD = """
import os, pwd, sys
sys.path[:0] = [{guard!r}, {root!r}]
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
del os.environ["HOME"]
def unknown(number):
    raise KeyError(number)
pwd.getpwuid = unknown
config = Config()
config.HistoryManager.enabled = False
ip = InteractiveShell.instance(config=config)
for code in {cells!r}:
    ip.run_cell(code).raise_error()
    print("@@ done", code)
"""


def test_without_a_home_all_but_what_needs_one_works(tmp_path: Path) -> None:
    """A random uid without HOME, as containers give: loading, status, an order and its history work as ever."""
    cells = ["%load_ext now_jupyter", "%now", "%nowimage -m dall-e-2 -s 256x256 a fox", "%now history", "%now doctor"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environ["IPYTHONDIR"] = str(tmp_path / "ipython")
    work = tmp_path / "work"
    work.mkdir()
    command = [sys.executable, "-c", CHILD.format(guard=str(GUARD), root=str(ROOT), cells=cells)]
    done = subprocess.run(command, cwd=work, env=environ, capture_output=True, text=True, check=False, timeout=100)
    assert done.stdout.count("@@ done") == len(cells), done.stdout[-2000:] + done.stderr[-2000:]
    assert [path.name for path in work.iterdir()] == ["untitled.now"]
