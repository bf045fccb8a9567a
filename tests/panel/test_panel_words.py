"""What goes wrong is said in the panel in the words of a cell, in English and Chinese, and the draft stays."""

from __future__ import annotations

from pathlib import Path

import pytest

import panels
from faultserver import FaultServer, Send, json_answer, response
from now_jupyter._messages._errors import NowImageError
from now_jupyter._messages._text import Language
from panels import Browser, draft
from relays import new_session

FOX = draft(model="gpt-image-2")
PATH = "/v1/images/generations"
REFUSALS = {
    "no money": json_answer({"error": {"message": "额度不足", "code": "insufficient_user_quota"}}, status=403),
    "content": json_answer({"error": {"message": "no", "code": "content_policy_violation"}}, status=400),
    "key": json_answer({"error": {"message": "无效的令牌", "type": "new_api_error"}}, status=401),
    "broken": response(500, b"<html>oops</html>"),
}


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_failed_order_has_the_words_of_a_cell(tmp_path: Path, refusal: str, language: Language) -> None:
    """Class, what happened, what was billed, what is kept and what to do: line for line as a cell shows it."""
    with FaultServer() as server, new_session(tmp_path, server.url, typed=lambda: {"language": language}) as session:
        server.script([Send(REFUSALS[refusal])], path=PATH)
        with pytest.raises(NowImageError) as error:
            session.generate("a red fox", model="gpt-image-2", reuse=False)
        server.script([Send(REFUSALS[refusal])], path=PATH)
        with panels.opened(session) as wire:
            agreed: list[str] = ["#1"] if session.history["#1"].billed == "maybe" else []
            wire.order(FOX, agreed=agreed)
            wire.until(lambda: [job["state"] for job in wire.widget.jobs] == ["failed"])
            lines = wire.widget.jobs[0]["lines"]
            assert [line.replace("#2", "#1").replace("answers/2", "answers/1") for line in lines] == error.value.lines()
            told = wire.ask("detail", number=1).content["lines"]
            assert told[0] == error.value.lines()[0]
            assert told[-1] == error.value.lines()[-1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_draft_stays_when_an_order_fails(browser: Browser, tmp_path: Path, language: Language) -> None:
    """The form holds what was typed; the failure stands below it until it is put away."""
    words = {"en": ("Prompt", "Dismiss"), "zh": ("提示词", "收起")}[language]
    with FaultServer() as server, new_session(tmp_path, server.url, typed=lambda: {"language": language}) as session:
        server.script([Send(REFUSALS["no money"])], path=PATH)
        with panels.opened(session) as wire, browser.page(wire) as page:
            page.fill(words[0], "a red fox\nin snow")
            page.press("Control+Enter")
            page.wait("() => document.querySelector('.nowp-job .nowp-error')")
            assert page.evaluate("() => document.querySelector('.nowp-prompt').value") == "a red fox\nin snow"
            assert ("计费：否" if language == "zh" else "billed: no") in page.text(".nowp-job .nowp-error")
            page.evaluate("() => document.querySelector('.nowp-job .nowp-corner').click()")
            page.wait("() => !document.querySelector('.nowp-job')")
            assert page.evaluate("() => document.querySelector('.nowp-prompt').value") == "a red fox\nin snow"
            assert page.errors == []


def test_a_failure_of_an_english_session_is_chinese_in_a_chinese_one(tmp_path: Path) -> None:
    """Gallery and details say in the language of today what was stored in another; the relay's words stay."""
    words = "这个密钥没有余额了：额度不足"
    with FaultServer() as server:
        with new_session(tmp_path, server.url, typed=lambda: {"language": "en"}) as session:
            server.script([Send(REFUSALS["no money"])], path=PATH)
            with pytest.raises(NowImageError) as error:
                session.generate("a red fox", model="gpt-image-2", reuse=False)
        with new_session(tmp_path, server.url, typed=lambda: {"language": "zh"}) as session:
            with panels.opened(session) as wire:
                assert wire.ask("rows", numbers=[1]).content["rows"][0]["failure"] == words
                lines = wire.ask("detail", number=1).content["lines"]
            assert lines[0] == f"QuotaError: {words}" != error.value.lines()[0]
            assert lines[-1] == error.value.in_language("zh").lines()[-1]
