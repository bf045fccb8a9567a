"""Where settings and keys come from, and that a key goes nowhere but where it was set for."""

from __future__ import annotations

import io
import json
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.null import Keyring as Forgetful
from PIL import Image

from faultserver import FaultServer, Send, json_answer, response
from now_jupyter._messages import AuthError, ConfigError, DownloadError, Language, NowImageError
from now_jupyter._session import Session
from now_jupyter._settings import Configuration, Settings, _logins
from now_jupyter._settings._key import Key
from now_jupyter._settings._logins import Login, Logins, is_same_address, key_from_environment
from now_jupyter._traits import Now
from now_jupyter._transport import check_address
from relays import new_session, relay_on_loopback
from shells import shell_in


class InMemory(KeyringBackend):
    """A keyring that keeps what it is given."""

    priority = 1.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Broken(InMemory):
    """A keyring whose desktop service is out of order, in its own way."""

    def get_password(self, service: str, username: str) -> str | None:
        raise OSError(service, username)

    set_password = delete_password = get_password  # type: ignore[assignment]


@pytest.fixture
def keeper() -> Iterator[InMemory]:
    """The real keyring API over memory."""
    before = keyring.get_keyring()
    backend = InMemory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def key() -> str:
    return secrets.token_hex(20)


def logins(folder: Path) -> Logins:
    return Logins(folder / "config" / "logins.json")


def configuration(folder: Path, **given: Any) -> Configuration:
    return Configuration(**{"environ": {}, "logins": logins(folder), **given})


# Layers


def test_the_order_of_the_layers(tmp_path: Path) -> None:
    """Call > %config > environment > ipython_config.py > login > default: each counts where the stronger are silent."""
    stored = logins(tmp_path)
    stored.remember(Login(name="a", base_url="https://login.example", model="login"), None)

    def model(*silent: str) -> tuple[str, str]:
        environ = {"NOW_MODEL": "environment", "NOW_BASE_URL": "https://environment.example"}
        session = Session(
            base_url="" if "call" in silent else "https://call.example",
            environ={} if "environment" in silent else environ,
            working=tmp_path,
            typed=lambda: {} if "typed" in silent else {"model": "typed", "base_url": "https://typed.example"},
            configured=lambda: {} if "files" in silent else {"model": "files", "base_url": "https://files.example"},
            logins=Logins(tmp_path / "none.json") if "login" in silent else stored,
        )
        settings = session.settings()
        return settings.model, settings.base_url.removeprefix("https://").removesuffix(".example")

    assert model() == ("typed", "call")
    assert model("call") == ("typed", "typed")
    assert model("call", "typed") == ("environment", "environment")
    assert model("call", "typed", "environment") == ("files", "files")
    assert model("call", "typed", "environment", "files") == ("login", "login")
    assert model("call", "typed", "environment", "files", "login") == ("", "")


def test_going_over_to_dollars_leaves_the_rate_of_the_layers_below(tmp_path: Path) -> None:
    """It was another currency's; a rate that is given along, or above, counts."""
    stored = logins(tmp_path)
    stored.remember(Login(name="a", base_url="https://login.example", currency="CNY", rate=7.0), None)

    def money(typed: Mapping[str, Any], **given: Any) -> tuple[str, float]:
        settings = configuration(tmp_path, logins=stored, typed=lambda: typed, given=given).settings()
        return settings.currency, settings.rate

    assert money({}) == ("CNY", 7.0)
    assert money({"rate": 7.2}) == money({"currency": "CNY", "rate": 7.2}) == ("CNY", 7.2)
    assert money({"currency": "USD"}) == money({"rate": 7.2}, currency="USD") == ("USD", 1.0)
    assert money({"currency": "USD", "rate": 0.5}) == money({"currency": "USD"}, rate=0.5) == ("USD", 0.5)


def test_going_back_to_dollars_takes_the_rate_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`%config` sets one at a time, so it is the order that counts; what the files say holds for their currency."""
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path / "ipython", currency="CNY", rate=7.0) as shell:
        shell.run("%load_ext now_jupyter")

        def money(*settings: str) -> tuple[str, float]:
            shell.run("\n".join(f"%config Now.{one}" for one in settings))
            now = shell.session.settings()
            return now.currency, now.rate

        assert money("model = 'gpt-image-2'") == ("CNY", 7.0)
        assert money("rate = 7.2") == ("CNY", 7.2)
        assert money("currency = 'USD'") == money("timeout = 9.0") == ("USD", 1.0)
        assert money("rate = 7.2") == ("USD", 7.2)
        assert money("currency = 'USD'") == ("USD", 1.0)
        assert money("currency = 'CNY'") == ("CNY", 7.0)
        assert money("currency = 'EUR'", "rate = 0.9") == ("EUR", 0.9)


def test_what_is_typed_wins_although_it_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`%config` with what is the default is over the environment and a login, as with anything else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOW_MODEL", "dall-e-3")
    with shell_in(tmp_path / "ipython") as shell:
        shell.run("%load_ext now_jupyter")
        assert shell.session.settings().model == "dall-e-3"
        shell.run("%config Now.model = ''")
        assert shell.session.settings().model == ""


def test_after_going_back_amounts_are_dollars_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The caption, the record, the balance and the budget; what was spent in yuan is told in yuan."""
    monkeypatch.chdir(tmp_path)
    with relay_on_loopback() as served, shell_in(tmp_path / "ipython", base_url=served.url) as shell:
        shell.run("%load_ext now_jupyter\n%config Now.currency = 'CNY'\n%config Now.rate = 7.2")
        shell.run("%now budget ¥5\n%nowimage -m dall-e-2 -s 256x256 a fox")
        assert [str(one.cost) for one in shell.session.history] == ["~¥0.0576"]
        shell.run("%config Now.currency = 'USD'\n%now budget $5")
        outputs = shell.shown("%nowimage -m dall-e-2 -s 256x256 a hare")
        assert any("~$0.0080" in one["data"].get("text/plain", "") for one in outputs)
        assert str(shell.session.history[-1].cost) == "~$0.0080"
        capsys.readouterr()
        shell.run("%now balance\n%now budget\n%now")
        said = capsys.readouterr().out
    assert "left: $99.96 · used: $0.0400" in said
    assert said.count("budget: $5.00, $4.99 left") == 2
    assert "spent: ~¥0.0576 + ~$0.0080" in said


def test_a_setting_that_is_none_is_refused(tmp_path: Path) -> None:
    """With the names there are."""
    with pytest.raises(ConfigError, match="modle is no setting"):
        configuration(tmp_path, given={"modle": "x"}).settings()


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, ""),
        ({"NOW_BASE_URL": " https://a.example "}, "https://a.example"),
        ({"OPENAI_BASE_URL": "https://b.example/v1"}, "https://b.example/v1"),
        ({"NOW_BASE_URL": "https://a.example", "OPENAI_BASE_URL": "https://b.example"}, "https://a.example"),
    ],
)
def test_the_address_in_the_environment(environ: Mapping[str, str], address: str, tmp_path: Path) -> None:
    """NOW_BASE_URL, else OPENAI_BASE_URL."""
    assert configuration(tmp_path, environ=environ).settings().base_url == address


def test_a_snapshot_holds_all_that_is_in_force(tmp_path: Path) -> None:
    """The login in use is part of it, and it does not change when something else is chosen."""
    stored = logins(tmp_path)
    for name in ("home", "work"):
        stored.remember(Login(name=name, base_url=f"https://{name}.example", model=name), None)
    before = configuration(tmp_path, logins=stored)
    snapshot = before.settings()
    stored.use("home")
    assert (snapshot.login and snapshot.login.name, snapshot.model) == ("work", "work")
    now = before.settings()
    assert (now.login and now.login.name, now.model) == ("home", "home")


def test_the_file_of_logins_is_read_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, however many snapshots are taken, and again when another kernel has written it."""
    stored, other, read = logins(tmp_path), logins(tmp_path), []
    one = configuration(tmp_path, logins=stored)
    other.remember(Login(name="a", base_url=A), None)
    parse = stored._parse
    monkeypatch.setattr(stored, "_parse", lambda: read.append(1) or parse())
    assert {one.settings().base_url for _ in range(5)} == {A}
    assert len(read) == 1
    other.remember(Login(name="b", base_url=B), None)
    assert {one.settings().base_url for _ in range(5)} == {B}
    assert len(read) == 2


def test_every_trait_is_a_setting_and_every_setting_a_trait() -> None:
    """With the same default; the login is chosen by %now login."""
    traits = Now.class_traits(config=True)
    for one in fields(Settings):
        if one.name != "login":
            default = traits[one.name].default()
            assert (tuple(default) if isinstance(default, list) else default) == getattr(Settings(), one.name)
            assert traits[one.name].help
    assert {*traits, "login"} == {one.name for one in fields(Settings)}
    assert tuple(traits["language"].values) == get_args(Language)


def test_the_largest_download_is_a_setting(tmp_path: Path) -> None:
    """What is over it is not fetched, and the link is kept; with more allowed the same picture is collected, free."""
    typed = {"largest_download": 1}
    picture = drawing(800)
    with FaultServer() as server, new_session(tmp_path, server.url, typed=lambda: typed) as session:
        server.script(
            lambda _: [Send(json_answer({"data": [{"url": server.url + "/fox.png"}]}))], path="/v1/images/generations"
        )
        server.script(lambda _: [Send(response(200, picture))], path="/fox.png")
        with pytest.raises(DownloadError) as caught:
            session.generate("a fox", model="x")
        assert "Now.largest_download = 4" in caught.value.next_step()
        typed["largest_download"] = 4
        (fetched,) = session.resume()
    assert fetched.pictures[0].bytes() == picture
    assert sum(one.method == "POST" for one in server.seen) == 1


def drawing(side: int) -> bytes:
    """Return a picture of noise, which nothing makes smaller."""
    data = io.BytesIO()
    Image.frombytes("RGB", (side, side), secrets.token_bytes(side * side * 3)).save(data, "PNG")
    return data.getvalue()


# Keys of the environment

A, B = "https://a.example", "https://b.example"


@pytest.mark.parametrize(
    ("names", "address", "source"),
    [
        (["NOW_API_KEY"], "", "NOW_API_KEY"),
        (["NOW_API_KEY"], A, "NOW_API_KEY"),
        (["NOW_API_KEY", f"NOW_BASE_URL={A}"], f"{A}/v1/", "NOW_API_KEY"),
        (["NOW_API_KEY", f"NOW_BASE_URL={A}"], B, None),
        (["OPENAI_API_KEY"], "", None),
        (["OPENAI_API_KEY"], A, None),
        (["OPENAI_API_KEY", f"OPENAI_BASE_URL={A}"], A, "OPENAI_API_KEY"),
        (["OPENAI_API_KEY", f"OPENAI_BASE_URL={A}"], B, None),
        (["OPENAI_API_KEY", f"OPENAI_BASE_URL={A}", f"NOW_BASE_URL={B}"], B, None),
        (["OPENAI_API_KEY", "NOW_API_KEY", f"OPENAI_BASE_URL={A}"], A, "NOW_API_KEY"),
    ],
)
def test_a_key_of_the_environment_goes_with_its_address(
    names: list[str], address: str, source: str | None, key: str
) -> None:
    """OpenAI's key only together with OPENAI_BASE_URL and only there; ours not elsewhere than NOW_BASE_URL says."""
    environ = dict(name.split("=") if "=" in name else (name, key) for name in names)
    found = key_from_environment(environ, address)
    assert (found.source if found else None) == (source or None)


@pytest.mark.parametrize("text", ["sk-", "your-api-key", "<key>", "{{API_KEY}}"])
def test_a_placeholder_is_no_key(text: str) -> None:
    """Said with the variable's name."""
    with pytest.raises(ConfigError, match="NOW_API_KEY"):
        key_from_environment({"NOW_API_KEY": text})


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (A, f"{A}/v1/", True),
        (A.upper(), A, True),
        (A, f"{A}:8443", False),
        (A, "http://a.example", False),
        (A, f"{A}.evil.example", False),
        (f"{A}/relay", A, False),
    ],
)
def test_addresses_are_the_same_or_not(first: str, second: str, same: bool) -> None:
    """Port, scheme and path count; `/v1` and case do not."""
    assert is_same_address(first, second) is same


def test_key_and_address_need_each_other(key: str) -> None:
    """A key alone, or a public address alone, is an error and never the demo; loopback may go without a key."""
    with pytest.raises(ConfigError, match="no address"):
        check_address(Settings(), Key(key, source="x"))
    with pytest.raises(ConfigError, match="no key"):
        check_address(Settings(base_url=A), None)
    assert check_address(Settings(base_url="http://127.0.0.1:8000/v1"), None) == "http://127.0.0.1:8000"
    assert check_address(Settings(), None) == ""


@pytest.mark.parametrize("given", [{"NOW_API_KEY": "x" * 30}, {"NOW_BASE_URL": A}])
def test_half_a_configuration_is_never_the_demo(given: Mapping[str, str], tmp_path: Path, key: str) -> None:
    """Nothing is drawn and nothing recorded."""
    environ = {name: key if name == "NOW_API_KEY" else value for name, value in given.items()}
    with new_session(tmp_path, environ=environ) as session, pytest.raises(ConfigError):
        session.generate("a fox")
    assert not (tmp_path / "untitled.now").exists()


# Logins


def test_a_login_is_remembered_without_its_key(tmp_path: Path, keeper: InMemory, key: str) -> None:
    """A file only the user reads, with address and model; the key lies in the keyring."""
    stored = logins(tmp_path)
    login = Login(name="work", base_url=A, model="m", currency="CNY", rate=7.2)
    assert stored.remember(login, Key(key))
    path = tmp_path / "config" / "logins.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key not in path.read_text()
    again = logins(tmp_path)
    assert again.current() == login
    found = again.key(login)
    assert found is not None
    assert (found.header(), found.source) == (f"Bearer {key}", "keyring")
    assert again.key(login) is found, "the keyring is asked once"
    assert list(keeper.kept.values()) == [key]


def test_two_logins_at_one_relay_have_a_key_each(tmp_path: Path, keeper: InMemory) -> None:
    """And forgetting one leaves the other."""
    stored = logins(tmp_path)
    keys = {name: secrets.token_hex(20) for name in ("work", "home")}
    for name, text in keys.items():
        stored.remember(Login(name=name, base_url=A), Key(text))
    again = logins(tmp_path)
    assert again.names() == ["home", "work"]
    again.use("work")
    assert again.forget() == "work"
    current = again.current()
    assert current is not None
    assert current.name == "home"
    kept = again.key(current)
    assert kept is not None
    assert kept.header().endswith(keys["home"])
    assert list(keeper.kept.values()) == [keys["home"]]
    assert logins(tmp_path).forget("nobody") is None


def test_without_a_keyring_the_key_is_for_this_kernel_only(tmp_path: Path, key: str) -> None:
    """There is none in this test run: said, and the next kernel does not have it."""
    stored, login = logins(tmp_path), Login(name="a", base_url=A)
    assert not stored.remember(login, Key(key))
    assert stored.key(login) is not None
    assert logins(tmp_path).key(login) is None


@pytest.mark.parametrize("backend", [Forgetful, Broken])
def test_a_keyring_that_keeps_nothing_is_noticed(
    backend: type[Any], tmp_path: Path, keeper: InMemory, key: str
) -> None:
    """Some take a key and lose it, some fail in ways of their own: it is for this kernel only, and that is said."""
    keyring.set_keyring(backend())
    stored, login = logins(tmp_path), Login(name="a", base_url=A)
    assert not stored.remember(login, Key(key))
    assert stored.key(login) is not None
    assert stored.forget() == "a"


def test_a_login_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """With those there are."""
    stored = logins(tmp_path)
    stored.remember(Login(name="work", base_url=A), None)
    with pytest.raises(ConfigError) as caught:
        stored.use("wrok")
    assert "work" in caught.value.next_step()


@pytest.mark.parametrize("text", ["{", "[]", '{"logins": 5}'])
def test_a_damaged_file_of_logins_is_an_error_and_stays(text: str, tmp_path: Path) -> None:
    """It is not overwritten."""
    path = tmp_path / "logins.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="cannot be read"):
        Logins(path).current()
    assert path.read_text() == text


def test_odd_values_in_the_file_are_left_out(tmp_path: Path) -> None:
    """A rate that is no number, a model that is no text."""
    path = tmp_path / "logins.json"
    form = {"base_url": A, "model": 5, "rate": "much", "currency": "CNY", "timeout": 1}
    path.write_text(json.dumps({"current": "a", "logins": {"a": form, "b": 7}}))
    login = Logins(path).current()
    assert login is not None
    assert login.layer() == {"currency": "CNY", "base_url": A}


def test_a_place_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    """No bare OSError."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        Logins(tmp_path / "file" / "logins.json")._write(_logins._Form())


def test_the_stored_key_goes_to_its_own_address_only(tmp_path: Path, keeper: InMemory, key: str) -> None:
    """Another base URL, from wherever, never sees the stored key."""
    stored = logins(tmp_path)
    with relay_on_loopback(key=key) as right, relay_on_loopback(key="other") as wrong:
        stored.remember(Login(name="a", base_url=right.url), Key(key))
        with new_session(tmp_path, right.url, logins=stored) as session:
            assert session.generate("a fox").billed == "yes"
        for way in ({"environ": {"NOW_BASE_URL": wrong.url}}, {"typed": lambda: {"base_url": wrong.url}}):
            with new_session(tmp_path, logins=stored, **way) as session, pytest.raises(AuthError):
                session.generate("a hare", model="x")
        with new_session(tmp_path, wrong.url, logins=stored) as session, pytest.raises(NowImageError):
            session.generate("a hare", model="x")
        assert wrong.relay.requests
        assert all("authorization" not in request.headers for request in wrong.relay.requests)
