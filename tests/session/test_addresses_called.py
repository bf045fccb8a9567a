"""Where orders go, for every form of an address that people type; the status and a dry run say the same."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import pytest

from demo_calls import png
from faultserver import FaultServer, Send, closed_port, json_answer, response
from now_jupyter._ipython._reports import rehearsal_text, status_text
from now_jupyter._messages import ConfigError, NowImageError
from now_jupyter._options import parse_keywords
from now_jupyter._orders import order_of
from now_jupyter._session import Session
from relays import new_session

SOLD = json_answer({"data": [{"b64_json": base64.b64encode(png()).decode("ascii")}]})
CALLED = {
    "": "/v1",
    "/v1": "/v1",
    "/v1/images/generations": "/v1",
    "/relay": "/relay/v1",
    "/relay/v1/chat/completions": "/relay/v1",
    "/api/v3": "/api/v3",
    "/api/v3/images/generations": "/api/v3",
    "/api/paas/v4/chat/completions": "/api/paas/v4",
    "/v1/acct/gw/openai": "/v1/acct/gw/openai",
    "/v1/acct/gw/openai/images/edits": "/v1/acct/gw/openai",
    "/v1/openai": "/v1/openai",
    "/v1beta/openai/": "/v1beta/openai",
    "/mj/submit/imagine": "/v1",
}


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "called"), CALLED.items())
def test_an_order_goes_where_the_address_says(tmp_path: Path, typed: str, called: str) -> None:
    """And nowhere else: the key goes to this path only."""
    key = secrets.token_hex(20)
    with FaultServer() as server:
        server.script([Send(response(404))])
        server.script([Send(SOLD)], path=f"{called}/images/generations")
        given = {"NOW_BASE_URL": server.url + typed, "NOW_API_KEY": key}
        with new_session(tmp_path, environ=given) as session:
            session.use_demo(on=False)
            assert f"endpoint: {server.url}{called}\n" in status_text(session)
            order = order_of(parse_keywords("a fox", {"model": "gpt-image-2"}), execution=None)
            assert f"POST {server.url}{called}/images/generations\n" in rehearsal_text(session, order)
            assert server.posts == 0
            assert session.generate("a fox", model="gpt-image-2").status == "done"
        assert [one.path for one in server.seen if one.method == "POST"] == [f"{called}/images/generations"]


@pytest.mark.parametrize("key", ["None", "$KEY", "${NOW_API_KEY}", "%NOW_API_KEY%", "null"])
def test_what_stands_for_a_key_is_not_sent(tmp_path: Path, key: str) -> None:
    """The order is refused before anything goes out."""
    with FaultServer() as server:
        given = {"NOW_BASE_URL": server.url, "NOW_API_KEY": key}
        with new_session(tmp_path, environ=given) as session, pytest.raises(ConfigError, match="NOW_API_KEY"):
            session.generate("a fox", model="gpt-image-2")
        assert server.connections == 0


def refused(session: Session) -> NowImageError:
    with pytest.raises(NowImageError) as caught:
        session.generate("a fox", model="gpt-image-2")
    return caught.value


@pytest.mark.slow
def test_a_mended_proxy_is_used_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read stops an order before it has a number; the next one sees the variable as it is then."""
    given = {"NOW_BASE_URL": "https://relay.invalid", "NOW_API_KEY": secrets.token_hex(20)}
    with new_session(tmp_path, environ=given) as session:
        monkeypatch.setenv("HTTPS_PROXY", "http://user:secret#x@127.0.0.1:1")
        error = refused(session)
        assert isinstance(error, ConfigError)
        assert (len(error.lines()), len(session.history)) == (3, 0)
        assert "secret" not in str(error)
        for port in (closed_port(), closed_port()):
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
            assert f"the proxy http://127.0.0.1:{port} did not connect us" in refused(session).message()
