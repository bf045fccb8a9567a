from __future__ import annotations

import copy
import ipaddress
import pickle
import secrets

import pytest

from now_jupyter._messages import ConfigError
from now_jupyter._settings import Key, Redactor
from now_jupyter._transport._addresses import is_loopback, is_public, literal, normal_base_url, origin_of, roots_of


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/v1/", "https://api.example.com"),
        ("https://api.example.com/v1/images/generations", "https://api.example.com"),
        ("https://api.example.com/mj/submit/imagine", "https://api.example.com"),
        ("api.example.com", "https://api.example.com"),
        ("HTTPS://API.Example.COM:443/", "https://api.example.com"),
        ("api.example.com:8443/v1", "https://api.example.com:8443"),
        (' "https://api.example.com/v1" ', "https://api.example.com"),
        ("“https：//api．example。com/v1”", "https://api.example.com"),
        ("//api.example.com", "https://api.example.com"),
        ("https://api.example.com/relay/api/v1", "https://api.example.com/relay/api"),
        ("https://例子.example", "https://xn--fsqu00a.example"),
        ("localhost:8000/v1", "http://localhost:8000"),
        ("127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("http://192.168.1.5:3000", "http://192.168.1.5:3000"),
        ("http://new-api:3000", "http://new-api:3000"),
        ("http://localhost:3000/v1。", "http://localhost:3000"),
        ("https://api.example.com/v1/,", "https://api.example.com"),
    ],
)
def test_what_users_paste_becomes_the_root_of_the_relay(typed: str, normal: str) -> None:
    """A host, an address ending in /v1 and a full endpoint mean the same root; a prefix of the relay's own stays."""
    assert normal_base_url(typed) == normal
    assert normal_base_url(normal) == normal


@pytest.mark.parametrize(
    ("typed", "api", "host"),
    [
        ("https://g.example", "https://g.example/v1", "https://g.example"),
        ("https://g.example/openai/v1", "https://g.example/openai/v1", "https://g.example/openai"),
        ("https://g.example/api/v3", "https://g.example/api/v3", "https://g.example/api"),
        ("https://g.example/api/paas/v4", "https://g.example/api/paas/v4", "https://g.example/api/paas"),
        ("https://g.example/v1/acct/gw/openai", "https://g.example/v1/acct/gw/openai", "https://g.example"),
        ("https://g.example/v1/openai", "https://g.example/v1/openai", "https://g.example"),
        ("https://g.example/v1beta/openai", "https://g.example/v1beta/openai", "https://g.example"),
        ("https://g.example/c/v4/acct/ai/v1", "https://g.example/c/v4/acct/ai/v1", "https://g.example/c/v4/acct/ai"),
        ("https://g.example/minimax/v1", "https://g.example/minimax/v1", "https://g.example/minimax"),
        ("https://g.example/models", "https://g.example/models/v1", "https://g.example/models"),
    ],
)
@pytest.mark.parametrize("endpoint", ["", "/models", "/chat/completions"])
def test_an_address_with_a_version_is_complete_as_typed(typed: str, api: str, host: str, endpoint: str) -> None:
    """Nothing is added to it or dropped, wherever the version stands; `/v1` is added to others; of an endpoint the
    address is what stands before it.
    """
    base = normal_base_url(api + endpoint if endpoint else typed)
    assert roots_of(base) == (api, host)
    assert normal_base_url(base) == base


@pytest.mark.parametrize(
    "endpoint",
    [
        *("/v1/models", "/v1/models/dall-e-3", "/v1/responses", "/v1/images", "/v1/images/tasks/t1", "/v1/tasks/t1"),
        *("/v1/images/generations?async=true", "/v1/models?limit=20&type=image", "/images/edits", "/v1/videos/v1/x"),
        *("/mj/submit/imagine", "/mj-fast/mj/submit/imagine", "/mj/task/1/fetch", "/suno/submit/music"),
        *("/ideogram/generate", "/kling/v1/images/generations", "/replicate/v1/models/o/m/predictions"),
        *("/v1beta/models/gemini-3-pro-image:generateContent", "/api/pricing", "/v1/dashboard/billing/usage"),
    ],
)
@pytest.mark.parametrize("root", ["https://g.example", "http://127.0.0.1:3000/relay"])
def test_the_endpoint_of_any_service_leads_to_the_root(root: str, endpoint: str) -> None:
    """Whatever follows in it, ids and harmless queries included."""
    assert normal_base_url(root + endpoint) == root


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "https://",
        "a b",
        "ftp://api.example.com",
        "http://api.example.com",
        "http://8.8.8.8",
        "https://api..example.com",
        "https://api.example.com:99999",
        "https://api.example.com/../x",
        "http://0x7f.1",
        "https://api.example.com\\@evil.example",
        "https://api.example.com/中",
        "https://api.example.com/v1。/images",
        "https://api。example，com/v1",
        "https:/api.example.com/v1",
        "https//api.example.com",
        "https://https://api.example.com",
        "None",
        "$NOW_BASE_URL",
        "${NOW_BASE_URL}/v1",
        "%NOW_BASE_URL%",
    ],
)
def test_what_is_no_safe_address_is_refused_with_advice(typed: str) -> None:
    """Malformed addresses, other schemes and plain http to a public host are a ConfigError."""
    with pytest.raises(ConfigError):
        normal_base_url(typed)


KEYS = (
    *("https://u:{}@api.example.com", "https://api.example.com?key={}", "https://api.example.com/v1/sk-{}", "x/#{}"),
    *(
        "sk-{}",
        "https://sk-{}",
        "Bearer {}",
        "$(echo {})",
        "os.getenv('X', '{}')",
        "{0}{0}",
        "{0}{0}.a1B2",
        "{0}==",
        "sk {}",
    ),
)


@pytest.mark.parametrize("form", KEYS)
def test_a_key_in_an_address_is_not_repeated(form: str) -> None:
    """Userinfo, query, fragment, and a key in the address or in its place, are refused without their text."""
    secret = secrets.token_hex(12)
    with pytest.raises(ConfigError) as caught:
        normal_base_url(form.format(secret))
    assert secret not in "\n".join([*caught.value.lines(), repr(caught.value), str(caught.value.facts)])


def test_the_placeholder_of_the_documentation_is_explained() -> None:
    """A literal {{BASE_URL}} is named as what it is."""
    with pytest.raises(ConfigError, match=r"\{\{BASE_URL\}\} is a placeholder"):
        normal_base_url("{{BASE_URL}}/v1/images/generations")


def test_loopback_is_told_by_name_and_by_every_form_of_address() -> None:
    """Also in the odd forms that resolvers accept."""
    near = ("http://localhost", "http://a.localhost:1", "http://127.9.9.9", "http://[::1]", "http://[::ffff:127.0.0.1]")
    assert all(map(is_loopback, (*near, "http://0x7f000001", "http://127.1")))
    assert not any(map(is_loopback, ("http://192.168.0.1", "https://localhost.example.com", "http://[2606:4700::1]")))


def test_equal_origins_are_equal_text() -> None:
    """Case, default port and a trailing dot make no difference."""
    assert origin_of("HTTPS://A.example.:443/x?y") == origin_of("https://a.example/z") == "https://a.example"
    assert origin_of("http://[::1]:80/") == "http://[::1]"
    assert origin_of("https://a.example:8443") != origin_of("https://a.example")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.1.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "198.18.0.5"),
        *("0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.1", "127.1", "2130706433", "0x7f.1"),
        *("::", "::1", "fc00::1", "fe80::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1"),
        *("168.63.129.16", "::ffff:168.63.129.16", "fec0::1", "feff::1"),
        *("2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808", "2001:0:7f00:1::"),
    ],
)
def test_an_address_that_not_everybody_could_visit_is_not_public(address: str) -> None:
    """Private, local, shared, multicast and reserved ones, and IPv6 addresses with such an IPv4 address inside."""
    read = literal(address)
    assert read is not None
    assert not is_public(read)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]
)
def test_a_public_address_is_public_in_every_wrapping(address: str) -> None:
    """What is inside counts, also in favour."""
    assert is_public(ipaddress.ip_address(address))


# The key


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("None", "never set"),
        ("null", "never set"),
        ("undefined", "never set"),
        ("$KEY", "name of a variable"),
        ("${NOW_API_KEY}", "name of a variable"),
        ("Bearer $OPENAI_API_KEY", "name of a variable"),
        ("%NOW_API_KEY%", "name of a variable"),
        ("$env:NOW_API_KEY", "name of a variable"),
        ("os.environ[NOW_API_KEY]", "name of a variable"),
        ("NOW_API_KEY", "name of a variable"),
    ],
)
def test_what_stands_where_a_key_was_meant_is_named(typed: str, what: str) -> None:
    """A variable that was not replaced, and the word for nothing, are not sent as keys."""
    with pytest.raises(ConfigError, match=what):
        Key(typed, source="NOW_API_KEY")


def test_a_key_shows_itself_nowhere() -> None:
    """Not in repr, str, pickle, copy or deepcopy."""
    secret = secrets.token_hex(16)
    key = Key(secret, source="keyring")
    assert secret not in f"{key!r} {key} {key.source}"
    for escape in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            escape(key)
    assert not hasattr(key, "__dict__")


def test_an_address_in_the_place_of_the_key_is_told() -> None:
    """Where the two were swapped, both say so, and neither is repeated."""
    address = f"https://{secrets.token_hex(12)}.example.com"
    with pytest.raises(ConfigError, match="is an address") as caught:
        Key(address, source="environment NOW_API_KEY")
    assert address not in "\n".join([*caught.value.lines(), str(caught.value.facts)])


def test_a_key_is_tidied_and_checked_without_echo() -> None:
    """Blanks around it and a pasted `Bearer ` go; anything else odd is refused, and not repeated."""
    secret = secrets.token_hex(16)
    for typed in (f" {secret}\n", f"Bearer {secret}", f'"{secret}"', f"Authorization: Bearer {secret}"):
        assert Key(typed).header() == f"Bearer {secret}"
    for typed in (
        "",
        "Bearer ",
        f"{secret} {secret}",
        f"{secret}é",
        f"{secret}\x00",
        f"{secret}\n{secret}",
        "a" * 5000,
    ):
        with pytest.raises(ConfigError) as caught:
            Key(typed, source="environment NOW_API_KEY")
        assert secret not in "\n".join(caught.value.lines())


@pytest.mark.parametrize("typed", ["sk-...", "sk-xxxx", "your-api-key", "YOUR_API_KEY", "<key>", "{{API_KEY}}", "***"])
def test_a_placeholder_is_no_key(typed: str) -> None:
    """What documentation shows in place of a key is told as such."""
    with pytest.raises(ConfigError, match="placeholder"):
        Key(typed)


def test_the_key_is_taken_out_of_foreign_text() -> None:
    """A relay that repeats the key does not make us repeat it."""
    secret = secrets.token_hex(16)
    assert Redactor(Key(secret)).redact(f"bad key {secret}!") == f"bad key {'*' * len(secret)}!"
