"""What a relay says where something goes wrong is told: in the message, the record, the list and the recall.

Its own words, short, plain and without the key; a known code has its class and its billing in whatever form it comes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faultserver import Send, json_answer, response
from now_jupyter._ipython._reports import facts_of
from now_jupyter._messages import (
    AuthError,
    BadResponseError,
    MaybeBilledError,
    NowImageError,
    QuotaError,
    RateLimitError,
    RejectedError,
)
from odd_relay import Odd, b64, completed, drawing, events, frame, odd_relay, text_answer

WORDS = "the paint is dry"
REFUSALS = {
    "a list": [{"error": {"message": WORDS, "code": 400}}],
    "a list of texts": {"errors": [WORDS]},
    "a list of errors": {"errors": [{"message": WORDS}]},
    "faults by name": {"errors": {"size": [WORDS]}},
    "a checker's": {"detail": [{"loc": ["body", "size"], "msg": WORDS, "type": "value_error"}]},
    "error_msg": {"error_msg": WORDS, "error_code": 17},
    "camel case": {"errorCode": "Odd", "errorMessage": WORDS},
    "a list of words": {"error": {"message": [WORDS, "and old"]}},
    "an object of words": {"error": {"message": {"text": "", "reason": WORDS}}},
    "a problem": {"type": "about:blank", "title": "Bad", "detail": WORDS},
    "base_resp": {"base_resp": {"status_code": 9999, "status_msg": WORDS}},
    "behind the relay's": {"error": {"message": "Provider returned error", "metadata": {"raw": WORDS}}},
    "JSON behind the relay's": {
        "error": {
            "message": "Provider returned error",
            "metadata": {"raw": json.dumps({"error": {"message": WORDS}}), "provider_name": "x"},
        }
    },
    "JSON in the words": {"error": {"message": f"status 400, body: {json.dumps({'error': {'message': WORDS}})}"}},
    "no shape at all": {"flavour": WORDS},
    "in Chinese": {"code": 1, "msg": f"画笔错误 {WORDS}", "data": None},
}


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Odd]:
    with odd_relay(tmp_path) as one:
        yield one


def told(odd: Odd, error: NowImageError, words: str) -> None:
    """Hold that words stand in the message, in the record, in the list and in what is recalled."""
    assert words in error.message()
    assert len(error.lines()) <= 6
    kept = odd.last
    assert kept.error is not None
    assert words in kept.error.message()
    assert words in repr(odd.session.history[:].in_language("en"))
    assert words in "\n".join(facts_of(kept, "en"))


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 422, 500])
def test_the_words_of_a_refusal_are_told_whatever_its_shape(odd: Odd, status: int) -> None:
    """openai_ex#126, Fooocus-API#406, computer#293; what was said is kept byte for byte."""
    for shape, body in REFUSALS.items():
        odd.says(body, status=status)
        error = odd.fails()
        assert type(error) is (MaybeBilledError if status == 500 else RejectedError), shape
        told(odd, error, WORDS)
        assert odd.answers[-1].endswith(json.dumps(body).encode())


def test_the_words_of_a_refusal_in_text_are_told(odd: Odd) -> None:
    for text in (WORDS, f"upstream: {WORDS}", f'oops {{"error": {{"message": "{WORDS}"}}}}'):
        odd.says(text_answer(text, "text/plain", 400))
        told(odd, odd.fails(), WORDS)


@pytest.mark.parametrize("place", ["data", "error", "detail"])
def test_what_refuses_field_by_field_names_them(odd: Odd, place: str) -> None:
    odd.says({place: [{"loc": ["body", "size"], "msg": "odd"}, {"loc": ["body", "n"], "msg": "high"}]}, status=422)
    assert "size: odd; n: high" in odd.fails().message()


def test_a_key_in_a_kept_refusal_is_masked(tmp_path: Path) -> None:
    key = "sk-" + secrets.token_hex(20)
    with odd_relay(tmp_path, api_key=key) as odd:
        odd.says({"flavour": [f"your key {key}"]}, status=401)
        error = odd.fails()
        told(odd, error, "your key")
        assert key not in "\n".join(error.lines())
        assert key.encode() not in b"".join(odd.answers)
        assert key not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))


# Codes, in every form

CODES: dict[str, tuple[Any, type[NowImageError]]] = {
    "moderation_blocked": ("moderation_blocked", RejectedError),
    "insufficient_user_quota": ("insufficient_user_quota", QuotaError),
    "AccountOverdueError": ("AccountOverdueError", QuotaError),
    "OutputImageSensitiveContentDetected": ("OutputImageSensitiveContentDetected", RejectedError),
    "InvalidParameter.Size": ("InvalidParameter.Size", RejectedError),
    "1113": ("1113", QuotaError),
    "50411": (50411, RejectedError),
    "rate_limit_exceeded": ("rate_limit_exceeded", RateLimitError),
    "invalid_api_key": ("invalid_api_key", AuthError),
}


def forms(code: Any) -> dict[str, Any]:
    """Every form in which a code comes."""
    error = {"code": code, "message": WORDS}
    return {
        "status 400": [Send(json_answer({"error": error}, status=400))],
        "status 500": [Send(json_answer({"error": error}, status=500))],
        "body": {"error": error},
        "bare body": {"code": code, "msg": WORDS, "data": None},
        "body in a list": [{"error": error}],
        "item": {"data": [{"error": error}]},
        "bare item": {"data": [{"code": code, "message": WORDS}]},
        "behind the relay": {"error": {"message": "Provider returned error", "metadata": {"raw": json.dumps(error)}}},
        "event": events(frame({"error": error}, "error")),
        "event by its type": events(frame({"type": "error", **error})),
        "failed response": events(frame({"type": "response.failed", "response": {"status": "failed", "error": error}})),
        "bare line": text_answer(f": PING\n\n{json.dumps({'error': error})}\n\n", "text/event-stream"),
        "bare line among events": events(": PING\n\n", json.dumps({"error": error}) + "\n"),
    }


@pytest.mark.slow
@pytest.mark.parametrize(("code", "kind"), CODES.values(), ids=CODES)
def test_a_known_code_is_known_in_every_form(odd: Odd, code: Any, kind: type[NowImageError]) -> None:
    """sub2api#2399, ai#19168: the right class, billed no, sent once, and its words."""
    for form, script in forms(code).items():
        odd.says(script)
        error = odd.fails(params={"stream": True} if "event" in form else {})
        assert type(error) is kind, (form, error)
        assert (error.billed, odd.last.status, odd.server.posts) == ("no", "failed", 1), form
        told(odd, error, WORDS)


@pytest.mark.slow
def test_an_unknown_code_leaves_it_open_and_is_told(odd: Odd) -> None:
    for form, script in forms("out_of_paint").items():
        odd.says(script)
        error = odd.fails()
        is_refused = form == "status 400"
        assert isinstance(error, RejectedError if is_refused else BadResponseError | MaybeBilledError), form
        assert (error.billed, odd.last.status) == (("no", "failed") if is_refused else ("maybe", "unknown")), form
        told(odd, error, WORDS)


def test_an_unfinished_picture_may_have_been_billed_whatever_the_code(odd: Odd) -> None:
    partial = {"type": "image_generation.partial_image", "b64_json": b64(drawing(1)), "partial_image_index": 0}
    odd.says(events(frame(partial), frame({"error": {"code": "moderation_blocked", "message": WORDS}})))
    error = odd.fails()
    assert (type(error), error.billed) == (RejectedError, "maybe")


def test_a_code_beside_pictures_costs_them_nothing(odd: Odd) -> None:
    odd.says(events(completed(1), frame({"error": {"code": "moderation_blocked", "message": WORDS}})))
    made = odd.buys(n=2)
    assert (made.status, made.billed, len(made.pictures)) == ("partial", "yes", 1)
    assert made.error is not None
    assert WORDS in made.error.message()


NO_PICTURE = {
    "an empty list and words": ({"data": [], "message": WORDS}, WORDS),
    "base_resp": ({"base_resp": {"status_code": 1008, "status_msg": WORDS}}, WORDS),
    "words of chat": ({"choices": [{"message": {"content": WORDS}}]}, WORDS),
    "a refusal of chat": ({"choices": [{"message": {"content": None, "refusal": WORDS}}]}, WORDS),
    "Gemini's block": ({"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": WORDS}}, WORDS),
    "Gemini's finish": ({"candidates": [{"finishReason": "IMAGE_SAFETY", "finishMessage": WORDS}]}, WORDS),
    "Imagen's filter": ({"predictions": [{"raiFilteredReason": WORDS}]}, WORDS),
    "an item that failed": ({"data": [{"status": "failed", "reason": WORDS}]}, WORDS),
    "words in a stream": (events(f"data: {WORDS}\n\n"), WORDS),
    "no words": ({"flavour": WORDS}, WORDS),
    "text": (text_answer(WORDS, "text/plain"), WORDS),
}


def test_a_success_without_a_picture_tells_why(odd: Odd) -> None:
    for count, (answer, words) in enumerate(NO_PICTURE.values(), start=1):
        odd.says(answer)
        told(odd, odd.fails(), words)
        assert len(odd.answers) == count


def test_a_filter_behind_the_model_may_have_been_billed(odd: Odd) -> None:
    """As an error's code it comes before anything is made; as the end of an answer it does not."""
    choice = {"finish_reason": "content_filter", "message": {"role": "assistant", "content": None}}
    for body in ({"choices": [choice]}, {"candidates": [{"finishReason": "IMAGE_SAFETY", "content": {}}]}):
        odd.says(body)
        error = odd.fails()
        assert (type(error), error.billed, odd.last.status) == (RejectedError, "maybe", "unknown")
        assert error.message().endswith((": content_filter", ": IMAGE_SAFETY"))
    odd.says({"error": {"code": "content_filter", "message": WORDS}}, status=400)
    assert odd.fails().billed == "no"


@pytest.mark.parametrize("code", ["moderation_blocked", "insufficient_user_quota", "rate_limit_exceeded"])
def test_an_error_after_a_model_began_to_talk_may_have_been_billed(odd: Odd, code: str) -> None:
    """At once it proves that nothing was made, in the middle it does not."""
    error = frame({"error": {"code": code, "message": WORDS}})
    begun = frame({"choices": [{"index": 0, "delta": {"content": "> 进度 **67%**\n"}}]})
    body = {"choices": [{"message": {"content": "I began"}}], "error": {"code": code, "message": WORDS}}
    for answer, billed in ((events(error), "no"), (events(begun, error), "maybe"), (body, "maybe")):
        odd.server.forget()
        script = answer if isinstance(answer, list) else [Send(json_answer(answer))]
        odd.server.script(script, path="/v1/chat/completions")
        found = odd.fails(model="gpt-4o-image")
        told(odd, found, WORDS)
        assert (found.billed, "run again" in found.next_step()) == (billed, billed == "no" and "rate" in code)


def test_why_nothing_came_is_told_without_how_far_it_was(odd: Odd) -> None:
    lines = "".join(f"> 进度 **{percent}%**\n\n" for percent in range(99))
    odd.server.script(
        events(frame({"choices": [{"index": 0, "delta": {"content": f"> 排队中..\n\n{lines}> 生成失败: {WORDS}"}}]})),
        path="/v1/chat/completions",
    )
    assert odd.fails(model="gpt-4o-image").message().endswith(f"> 生成失败: {WORDS}")


def test_numbers_of_a_maker_count_in_its_own_place_only(odd: Odd) -> None:
    odd.says({"base_resp": {"status_code": 1008, "status_msg": WORDS}})
    assert isinstance(odd.fails(), QuotaError)
    odd.says({"error": {"code": 1008, "message": WORDS}})
    assert isinstance(odd.fails(), BadResponseError)


# Statuses that mislead

BARRED = {
    "challenge": (403, b"<!DOCTYPE html><html><title>Just a moment...</title></html>", {"cf-mitigated": "challenge"}),
    "number": (403, b"error code: 1010", {}),
    "page": (403, b"<html><head><title>403 Forbidden</title></head></html>", {}),
    "busy challenge": (503, b"<!DOCTYPE html><html>", {"cf-mitigated": "challenge"}),
}


@pytest.mark.parametrize(("status", "body", "headers"), BARRED.values(), ids=BARRED)
def test_a_firewall_is_no_refused_key(
    tmp_path: Path, status: int, body: bytes, headers: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """freellmapi#1298: nothing is said against the key."""
    with odd_relay(tmp_path, api_key="sk-" + secrets.token_hex(20)) as odd:
        odd.says([Send(response(status, body, headers=headers))])
        error = odd.fails()
    assert type(error) is RejectedError
    assert "firewall" in error.message()
    assert error.billed == "no"


def test_no_money_is_not_sent_again(odd: Odd) -> None:
    """continue#10297: a rate limit by its status, and by its code no money."""
    odd.says({"error": {"code": "1113", "message": "余额不足或无可用资源包,请充值。"}}, status=429)
    assert (type(odd.fails()), odd.server.posts, odd.pauses) == (QuotaError, 1, [])
    odd.says({"error": {"code": "AccountOverdueError", "message": "overdue"}}, status=403)
    assert (type(odd.fails()), odd.server.posts) == (QuotaError, 1)


WRAPPED = {
    "code in words": f"moderation_blocked: {WORDS}",
    "JSON in words": json.dumps({"error": {"code": "moderation_blocked", "message": WORDS}}),
    "status and body": "bad response status code 400, body: "
    + json.dumps({"error": {"code": "content_policy_violation", "message": WORDS}}),
    "marks": f"{WORDS} safety_violations=[violence]",
    "status": f"bad response status code 400 {WORDS}",
}


def test_a_refusal_wrapped_as_a_fault_is_a_refusal(odd: Odd) -> None:
    for message in WRAPPED.values():
        error = {"code": "bad_response_status_code", "type": "upstream_error", "message": message}
        odd.says({"error": error}, status=500)
        told_error = odd.fails()
        assert (type(told_error), told_error.billed) == (RejectedError, "no"), message
        told(odd, told_error, WORDS)


def test_a_fault_that_is_only_wrapped_stays_open(odd: Odd) -> None:
    for message in (f"bad response status code 502 {WORDS}", WORDS, f"{WORDS} after 408 bytes"):
        odd.says({"error": {"code": "bad_response_status_code", "message": message}}, status=500)
        assert odd.fails().billed == "maybe", message


def test_a_code_in_the_words_of_a_fault_proves_nothing(odd: Odd) -> None:
    """Only what passes on another's answer is believed: a prompt may be quoted anywhere."""
    odd.says({"error": {"message": "crashed at 'insufficient_quota'"}}, status=500)
    assert odd.fails().billed == "maybe"


# What is kept, and where


def test_an_answer_that_cannot_be_used_is_named(odd: Odd) -> None:
    """Its place and the request's id are told, the id only where there is one."""
    odd.says({"data": []}, **{"x-request-id": "req-7"})
    text = "\n".join(odd.fails().lines())
    assert "answers/1" in text
    assert "req-7" in text
    assert "req-7" in "\n".join(facts_of(odd.last, "en"))
    odd.says({"data": []})
    assert "request id" not in "\n".join(odd.fails().lines())


def test_resume_keeps_the_reason(odd: Odd) -> None:
    """There is nothing to collect; what is known of it stays."""
    odd.says({"error": {"message": WORDS}}, status=502)
    odd.fails()
    odd.session.resume()
    assert odd.last.error is not None
    assert WORDS in odd.last.error.message()
    assert odd.last.status == "unknown"
    assert odd.server.posts == 1


# As LiteLLM's proxy says it


def test_a_model_that_is_not_there_is_answered_with_those_that_are(odd: Odd) -> None:
    words = "400: {'error': '/image/generations: Invalid model name passed in model=nope. Call `/v1/models` to view'}"
    odd.says({"error": {"message": words, "type": "None", "param": "None", "code": "400"}}, status=400)
    odd.serves({"/v1/models": text_answer(json.dumps({"data": [{"id": "gpt-image-2"}, {"id": "gpt-5.5"}]}))})
    error = odd.fails(model="nope")
    assert "no such model" in error.message()
    assert "gpt-image-2" in error.next_step()
    assert "gpt-5.5" not in error.next_step()


def test_a_stream_that_was_asked_for_can_be_left_out(odd: Odd) -> None:
    odd.says({"error": {"message": "list index out of range", "code": "500"}}, status=500)
    error = odd.fails(params={"stream": True})
    assert error.billed == "maybe"
    assert "stream" in error.next_step()
    assert "stream" not in odd.fails().next_step()
