"""Who must not get in: foreign web pages, other users of the machine, folders that are someone else's (W2, W3)."""

from __future__ import annotations

import json
import os
import secrets
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from kills import PROMPT, Relay
from limits import at_once
from now_jupyter._messages._errors import NowImageError, StoreCorrupt, StoreError, StoreUnavailable
from now_jupyter._session import Session
from now_jupyter._store._files import private_folder, read_file
from relays import Served, relay_on_loopback

NOBODY = 65534
BODY = json.dumps({"model": "gpt-image-2", "prompt": "a fox"}).encode()


@pytest.fixture
def demo() -> Iterator[tuple[Served, str]]:
    key = secrets.token_urlsafe(24)
    with relay_on_loopback(key=key) as served:
        yield served, key


def ask(served: Served, line: str, headers: dict[str, str], body: bytes = b"") -> int:
    """Send a request byte by byte as given, and give the status."""
    port = int(served.url.rpartition(":")[2])
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(f"{line} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)
        return int(client.recv(1 << 16).split(b" ")[1])


def good(served: Served, key: str) -> dict[str, str]:
    host = served.url.removeprefix("http://")
    return {"Host": host, "Authorization": f"Bearer {key}", "Content-Type": "application/json", "Connection": "close"}


@pytest.mark.row("W2", injected="foreign Origin, foreign Host (rebinding), no key, other methods and types")
@pytest.mark.parametrize(
    ("method", "change", "status"),
    [
        ("POST", {"Origin": "https://evil.example"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("POST", {"Host": "evil.example"}, 403),
        ("POST", {"Host": "localhost"}, 403),
        ("POST", {"Authorization": ""}, 401),
        ("POST", {"Authorization": "Bearer wrong"}, 401),
        ("POST", {"Content-Type": "text/plain"}, 415),
        ("POST", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("OPTIONS", {"Origin": "https://evil.example"}, 403),
        ("OPTIONS", {}, 405),
        ("PUT", {}, 405),
        ("DELETE", {}, 405),
    ],
)
def test_the_demo_server_serves_no_stranger(
    method: str, change: dict[str, str], status: int, demo: tuple[Served, str], campaign: Any
) -> None:
    """Each is refused without any effect; the same request without the change is served."""
    served, key = demo
    path = "/v1/images/generations"
    assert ask(served, f"{method} {path}", {**good(served, key), **change}, BODY) == status
    assert served.posts == 0
    assert ask(served, f"POST {path}", good(served, key), BODY) == 200
    assert served.posts == 1
    campaign.outcome(outcome=str(status), billed="no", kept="-", injected=f"{method} {change}")


@pytest.mark.row("W2", injected="path traversal at the demo server")
@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/pictures/../../etc/passwd",
        "/pictures/%2e%2e/%2e%2e/etc/passwd",
        "/pictures/..%2f..%2fetc%2fpasswd",
        "/pictures//etc/passwd",
        "/pictures/%00",
        "/mj/image/../../etc/passwd",
        "/pictures/..\\..\\etc\\passwd",
    ],
)
def test_the_demo_server_has_no_files(path: str, demo: tuple[Served, str], campaign: Any) -> None:
    """No path leads to a file."""
    served, key = demo
    assert ask(served, f"GET {path}", good(served, key)) == 404
    campaign.outcome(outcome="404", billed="no", kept="-", injected=path)


# W3


def as_nobody(act: Callable[[], int]) -> int:
    """Run something in a child that is another user of this machine, and give its exit code."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            code = act()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def open_way(folder: Path) -> None:
    """Let everyone come as far as this folder, so that only its own rights stand before it."""
    for path in (folder, *folder.parents):
        if path == path.parent:
            return
        if path.stat().st_mode & 0o005 != 0o005:
            path.chmod(path.stat().st_mode | 0o055)


@pytest.mark.row("W3", injected="another user of the machine reads the history")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_another_user_reads_nothing(umask: int, tmp_path: Path, campaign: Any) -> None:
    """Whatever the umask: folders 0700, files 0600, and another user can list and open none of it."""
    before = os.umask(umask)
    try:
        home = bought(tmp_path)
    finally:
        os.umask(before)
    open_way(tmp_path)
    everything = [home, *home.rglob("*")]
    for path in everything:
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600), path

    def pry() -> int:
        return sum(os.access(path, os.R_OK) or os.access(path, os.W_OK) for path in everything)

    assert as_nobody(lambda: 50 if os.access(tmp_path, os.R_OK) else 51) == 50, "the way itself is closed"
    assert as_nobody(pry) == 0
    campaign.outcome(outcome="no access", billed="yes", kept="all", injected=f"other user, umask {umask:03o}")


@pytest.mark.row("W3", injected="a disk on which rights cannot be changed afterwards")
def test_folders_are_closed_from_their_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, campaign: Any
) -> None:
    """Nobody slips in between making a folder and closing it: it is made closed."""

    def refuse(_path: Path, _mode: int) -> None:
        raise PermissionError

    before = os.umask(0)
    try:
        monkeypatch.setattr(Path, "chmod", refuse)
        private_folder(tmp_path / "x.now")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.now").stat().st_mode) == 0o700
    campaign.outcome(outcome="0700", billed="-", kept="-")


def bought(folder: Path) -> Path:
    home = folder / "n.now"
    with Relay() as relay:
        session = Session(folder=home, base_url=relay.url, environ={}, working=folder)
        try:
            session.generate(PROMPT, model="gpt-image-2")
            session.history.search("fox")
        finally:
            session.close()
    return home


def refused(home: Path, relay: Relay) -> NowImageError:
    session = Session(folder=home, base_url=relay.url, environ={}, working=home.parent)
    try:
        with pytest.raises(NowImageError) as caught:
            session.generate(PROMPT, model="gpt-image-2", fresh=True)
        assert relay.ledger == []
        assert not session.doctor().is_healthy or not home.exists()
    finally:
        session.close()
    return caught.value


@pytest.mark.row("W3", injected="the folder or a part of it is a link")
@pytest.mark.parametrize("part", ["", "jobs", "answers", "pictures", "inputs", "quarantine", "trash", "locks"])
def test_a_link_is_no_folder(part: str, tmp_path: Path, campaign: Any) -> None:
    """`StoreUnavailable` before paying, and where the link leads nothing is written or read."""
    home, elsewhere = bought(tmp_path), tmp_path / "elsewhere"
    (home / part).rename(elsewhere)
    (home / part).symlink_to(elsewhere)
    before = {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*")}
    with Relay() as relay:
        assert isinstance(refused(home, relay), StoreUnavailable)
    assert {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*")} == before
    campaign.outcome(outcome="StoreUnavailable", billed="no", kept="as it was", injected=f"link at .now/{part}")


@pytest.mark.row("W3", injected="the folder belongs to another user")
@pytest.mark.parametrize("part", ["", "jobs", "pictures"])
def test_a_folder_of_another_user_is_not_used(part: str, tmp_path: Path, campaign: Any) -> None:
    """`StoreUnavailable` before paying."""
    home = bought(tmp_path)
    os.chown(home / part, NOBODY, NOBODY)
    with Relay() as relay:
        assert isinstance(refused(home, relay), StoreUnavailable)
    campaign.outcome(outcome="StoreUnavailable", billed="no", kept="as it was", injected=f"foreign .now/{part}")


@pytest.mark.row("W3", injected="single files are links, pipes or devices")
@pytest.mark.parametrize(
    "name", ["format", "jobs/1.json", "jobs/2.json", "pictures/1-fox-in-the-snow.png", "models.json", "jobs/1.marks"]
)
def test_a_link_in_the_place_of_a_file_is_not_followed(name: str, tmp_path: Path, campaign: Any) -> None:
    """What it points to is neither shown nor changed, and nothing hangs."""
    home, secret = bought(tmp_path), tmp_path / "secret"
    secret.write_text('{"format": 1, "id": "x", "tags": ["secret"]}', "utf-8")
    before = secret.read_bytes()
    for make in (lambda path: path.symlink_to(secret), os.mkfifo):
        (home / name).unlink(missing_ok=True)
        make(home / name)
        session = Session(folder=home, environ={}, working=tmp_path)
        try:
            session.use_demo(instant=True)
            assert "secret" not in repr(list(session.history))
            session.history.search("fox")
            session.doctor()
        finally:
            session.close()
        assert secret.read_bytes() == before
    campaign.outcome(outcome="not followed", billed="-", kept="as it was", injected=f"link and pipe at {name}")


@pytest.mark.row(
    "W3", injected="a file that becomes a link or a pipe while it is opened; a pipe with someone behind it"
)
def test_a_file_that_changes_while_it_is_opened_is_not_read(tmp_path: Path, campaign: Any) -> None:
    """What was a file when it was looked at and is a link or a pipe when it is opened is refused without waiting; what
    is a pipe already is not even opened, as that would wake whoever is behind it.
    """
    secret = tmp_path / "secret"
    secret.write_text("{}", "utf-8")
    for number, exchange in enumerate((lambda path: path.symlink_to(secret), os.mkfifo)):
        place = tmp_path / f"{number}.json"
        place.write_text("{}", "utf-8")
        with at_once(5), pytest.raises(StoreError):
            read_file(Exchanged.at(place, exchange), limit=100)
    pipe, opened = tmp_path / "pipe", threading.Event()
    os.mkfifo(pipe)

    def wait_behind() -> None:
        os.close(os.open(pipe, os.O_WRONLY))
        opened.set()

    behind = threading.Thread(target=wait_behind)
    behind.start()
    with at_once(5), pytest.raises(StoreCorrupt):
        read_file(pipe, limit=100)
    was_opened = opened.wait(0.3)
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
    behind.join(10)
    assert not was_opened
    campaign.outcome(outcome="StoreError, at once", billed="-", kept="as it was")


class Exchanged(type(Path())):  # type: ignore[misc]  # the system's kind of path
    """A path whose file is exchanged after it was looked at and before it is opened."""

    looks = 0
    exchange: Callable[[Path], object]

    @classmethod
    def at(cls, path: Path, exchange: Callable[[Path], object]) -> Self:
        made = cls(path)
        made.exchange = exchange
        return made

    def __fspath__(self) -> str:
        self.looks += 1
        if self.looks == 2:
            plain = Path(str(self))
            plain.unlink()
            self.exchange(plain)
        return str(self)
