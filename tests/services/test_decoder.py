"""Whatever was paid for is found in whatever shape it comes; what is no output is left alone."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations import LINK, PNG, found, talk
from now_jupyter._messages import MaybeBilledError
from now_jupyter._protocol import Base64, Call, Event, Found, Link, Lost, Progress, Reply, Whole
from now_jupyter._services import outputs_in, read_pictures
from now_jupyter._services._decoder import outcome_of, percent_of

OTHER = "https://h.example/2.png"
URI = f"data:image/png;base64,{PNG}"


def sources(body: Any) -> list[Any]:
    return [one.sources for one in outputs_in(body) if isinstance(one, Found)]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"url": LINK, "b64_json": ""}, (Link(LINK),)),
        ({"b64_json": PNG, "url": ""}, (Base64(PNG),)),
        ({"b64_json": PNG, "url": LINK}, (Base64(PNG), Link(LINK))),
        ({"url": URI}, (Base64(URI),)),
        ({"b64_json": URI}, (Base64(URI),)),
        ({"b64_json": LINK}, (Link(LINK),)),
        ({"b64_json": f"base64://{PNG}"}, (Base64(PNG),)),
        ({"image_url": {"url": LINK}}, (Link(LINK),)),
        ({"url": "HTTPS://h.example/1"}, (Link("HTTPS://h.example/1"),)),
        (LINK, (Link(LINK),)),
        (PNG, (Base64(PNG),)),
        (
            {"url": "/files/1.png?size=2"},
            (Call(path="/files/1.png", method="GET", base="host", query={"size": "2"}, expects="file"),),
        ),
    ],
)
def test_a_picture_is_taken_in_whatever_form_it_comes(item: Any, expected: Any) -> None:
    """Links, base64, data URIs, empty strings for absent fields; all ways to one picture, what is inside first."""
    assert sources({"data": [item]}) == [expected]


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"url": LINK}]},
        {"images": [{"url": LINK}], "timings": {}, "seed": 1},
        {"data": {"images": [{"url": [LINK]}]}},
        {"data": {"image_urls": [LINK]}},
        {"output": LINK},
        {"output": [LINK]},
        {"output": {"results": [{"url": LINK}]}},
        {"output": {"choices": [{"message": {"content": [{"image": LINK}]}}]}},
        {"results": [LINK]},
        {"data": [LINK]},
        {"data": LINK},
        {"code": "success", "data": {"status": "SUCCESS", "data": {"data": [{"url": LINK}]}}},
        {"result": {"data": [{"url": LINK}]}},
        {"code": 0, "data": {"task_result": {"images": [{"index": 0, "url": LINK}]}}},
        {"url": LINK},
        [{"url": LINK}],
        LINK,
        {"choices": [{"message": {"content": "Here", "images": [{"image_url": {"url": LINK}}]}}]},
        {"choices": [{"message": {"content": f"![image]({LINK})"}}]},
        {
            "choices": [
                {"message": {"content": f"> 进度 **67%**\n\n![f]({LINK})\n[下载⏬](https://h.example/cdn/1.png)\n"}}
            ]
        },
        {"choices": [{"message": {"content": LINK}}]},
        {"choices": [{"message": {"content": f"It is at {LINK} now."}}]},
        {"somewhere": {"else": {"deep": [{"picture": LINK}]}}},
    ],
)
def test_links_are_found_in_every_known_shape(body: Any) -> None:
    assert sources(body) == [(Link(LINK),)]


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"image_base64": [PNG]}},
        {"output": {"b64_json": [{"bytesBase64": PNG}]}},
        {"predictions": [{"bytesBase64Encoded": PNG, "mimeType": "image/png"}]},
        {
            "candidates": [
                {"content": {"parts": [{"text": "Here"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]}}
            ]
        },
        {"output": [{"type": "image_generation_call", "result": PNG}]},
        {"artifacts": [{"base64": PNG, "finishReason": "SUCCESS"}]},
    ],
)
def test_base64_is_found_in_every_known_shape(body: Any) -> None:
    assert sources(body) == [(Base64(PNG),)]


def test_a_data_uri_in_words_is_a_picture() -> None:
    for content in (f"Here:\n![image]({URI})", URI, f"see {URI} there"):
        assert sources({"choices": [{"message": {"content": content}}]}) == [(Base64(URI),)]


@pytest.mark.parametrize(
    "body",
    [
        {"code": "success", "data": "a0b1c2"},
        {"data": {"task_id": "7"}, "input": {"image": LINK}},
        {"status": "succeeded", "output": None, "input": {"image": URI}, "urls": {"get": "https://h.example/p/1"}},
        {"provider": {"logo": LINK}, "icon_url": OTHER},
        {"message": "see https://help.example/errors"},
        {"choices": [{"message": {"content": f"![logo]({LINK}) Sorry, I cannot."}}]},
        {"error": {"message": f"bad picture {LINK}"}},
        {"data": ["words", 7, None, True]},
    ],
)
def test_what_is_no_output_is_left_alone(body: Any) -> None:
    """Task ids, the input given back, logos and help pages are no pictures."""
    assert sources(body) == []


def test_the_same_picture_twice_is_one_and_each_has_its_number() -> None:
    body = {"data": [{"url": LINK}, {"url": OTHER}, {"url": LINK}, {"b64_json": PNG}]}
    assert [(one.key, one.sources[0]) for one in outputs_in(body) if isinstance(one, Found)] == [
        ("1", Link(LINK)),
        ("2", Link(OTHER)),
        ("3", Base64(PNG)),
    ]


def test_an_item_that_failed_costs_that_item_only() -> None:
    body = {"data": [{"url": LINK}, {"error": {"code": "x", "message": "filtered"}}, {"url": OTHER}]}
    steps, reading = talk(read_pictures(Reply(body=body)))
    assert [type(step) for step in steps] == [Found, Lost, Found]
    assert reading.count == 2  # type: ignore[union-attr,attr-defined]


def test_an_error_beside_pictures_is_told_and_they_are_kept() -> None:
    body = {"data": [{"url": LINK}], "error": {"message": "the second one failed"}}
    steps, _ = talk(read_pictures(Reply(body=body)))
    assert [type(step) for step in steps] == [Found, Lost]


def test_an_answer_that_is_a_file_is_the_picture() -> None:
    steps, _ = talk(read_pictures(Reply(is_file=True, media_type="image/png")))
    assert steps == [Found(key="1", sources=(Whole(),))]


# Streams


def stream(*events: Any, expected: int = 1) -> Any:
    return talk(read_pictures(Reply(streamed=True), expected=expected), events)


def test_a_stream_shows_partials_and_keeps_what_is_complete() -> None:
    """Partials are progress only; every completed event is a picture."""
    steps, reading = stream(
        Event("image_generation.partial_image", {"b64_json": PNG, "partial_image_index": 0}),
        Event("keepalive", None),
        Event("image_generation.completed", {"b64_json": PNG, "usage": {"total_tokens": 3}}),
        None,
    )
    assert [one.sources for one in found(steps)] == [(Base64(PNG),)]
    assert next(step for step in steps if isinstance(step, Progress)) == Progress(fraction=0.5, preview=Base64(PNG))
    assert reading.outcome.usage == {"total_tokens": 3}


def test_a_partial_without_a_picture_does_not_stop_the_stream() -> None:
    steps, _ = stream(
        Event("image_edit.partial_image", {"b64_json": None, "partial_image_index": "x"}),
        Event("image_edit.completed", {"b64_json": PNG}),
        None,
    )
    assert len(found(steps)) == 1


def test_an_error_in_a_stream_does_not_stop_the_reading() -> None:
    """A picture that comes behind the error is kept, and so is one before it."""
    steps, reading = stream(
        Event("image_generation.completed", {"url": LINK}),
        Event("error", {"error": {"message": "one is lost"}}),
        Event("image_generation.completed", {"url": OTHER}),
        None,
        expected=3,
    )
    assert [type(step) for step in steps if isinstance(step, Found | Lost)] == [Found, Lost, Found]
    assert (reading.count, reading.reason) == (2, {"error": {"message": "one is lost"}})


def test_a_whole_answer_in_one_frame_is_read() -> None:
    steps, _ = stream(Event("message", {"data": [{"url": LINK}, {"url": OTHER}]}), None)
    assert [one.key for one in found(steps)] == ["1", "2"]


def chunk(content: str) -> Event:
    return Event("message", {"choices": [{"delta": {"content": content}}]})


def test_a_picture_that_is_parted_between_words_is_put_together() -> None:
    half = len(URI) // 2
    steps, reading = stream(chunk("> 进度 **40%**\n"), chunk(f"![a]({URI[:half]}"), chunk(f"{URI[half:]}) done"), None)
    assert [one.sources for one in found(steps)] == [(Base64(URI),)]
    assert steps[1] == Progress(fraction=0.4)
    assert reading.words.endswith("done")


def test_a_picture_in_a_delta_is_found_at_once() -> None:
    event = Event("message", {"choices": [{"delta": {"content": "", "images": [{"image_url": {"url": URI}}]}}]})
    steps, _ = stream(event, None)
    assert [one.sources for one in found(steps)] == [(Base64(URI),)]


def test_what_came_whole_before_a_cut_is_kept() -> None:
    """Words are read when the stream breaks, too; a picture that did not end is none."""
    seen: list[Any] = []
    conversation = read_pictures(Reply(streamed=True))
    answers = [chunk(f"![a]({LINK}) and "), chunk(URI[:-10]), MaybeBilledError("cut")]

    def drive() -> None:
        answer: Any = None
        while True:
            step = conversation.throw(answer) if isinstance(answer, Exception) else conversation.send(answer)
            seen.append(step)
            answer = answers.pop(0) if type(step).__name__ == "Next" else None

    with pytest.raises(MaybeBilledError):
        drive()
    assert [one.sources for one in found(seen)] == [(Link(LINK),)]


# Whatever comes

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([LINK, PNG, URI])
)
KEYS = st.sampled_from(
    [
        *("data", "url", "b64_json", "images", "error", "message", "choices", "content", "result", "status", "code"),
        *("usage", "delta", "created", "cost", "inlineData", "type", "text", "id", "seed"),
    ]
)
BODIES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)


@settings(max_examples=100, deadline=None)
@given(BODIES)
def test_any_json_is_read_to_an_end_and_twice_the_same(body: Any) -> None:
    """Nothing of it raises, each output has a key of its own and a source, and a second reading finds the same."""
    first, reading = talk(read_pictures(Reply(body=body)))
    again, _ = talk(read_pictures(Reply(body=body)))
    assert first == again or "nan" in repr(first)
    assert [one.key for one in found(first)] == [str(number + 1) for number in range(reading.count)]  # type: ignore[union-attr,attr-defined]
    assert all(one.sources for one in found(first))


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["message", "error", "a.partial_image", "a.completed"]), BODIES), max_size=6))
def test_any_stream_is_read_to_an_end(events: Any) -> None:
    steps, reading = stream(*(Event(*event) for event in events), None)
    assert len(found(steps)) == reading.count


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(BODIES, st.lists(st.sampled_from(["data", "result", "output", "data", "images"]), max_size=4))
def test_a_picture_is_found_below_any_known_places(beside: Any, places: Any) -> None:
    body: Any = [beside, {"url": "https://h.example/wanted"}]
    for place in places:
        body = {place: body}
    assert any(Link("https://h.example/wanted") in one for one in sources(body))


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["![", "![](https://", "![](data:image/png;base64,A", "https://a.b/", "data:image/", "![a](", "进度 "]
)
def test_words_of_any_length_are_read_in_linear_time(piece: str) -> None:
    """Ten times the text takes about ten times the time, not a hundred times."""

    def seconds(count: int) -> float:
        body = {"choices": [{"message": {"content": piece * (count // len(piece))}}]}
        start = time.process_time()
        list(outputs_in(body))
        return time.process_time() - start

    assert min(seconds(400_000) for _ in range(2)) < 40 * (min(seconds(40_000) for _ in range(3)) + 0.002)


@pytest.mark.parametrize(
    ("value", "fraction"),
    [
        *(("35%", 0.35), (35, 0.35), (0.35, 0.35), (1, 0.01), ("100%", 1.0), (250, 1.0), ("> 进度 **67%**", 0.67)),
        *(("", None), (None, None), (True, None), ("soon", None), (float("nan"), None), (-1, None), ([], None)),
    ],
)
def test_progress_is_a_fraction_or_nothing(value: Any, fraction: float | None) -> None:
    assert percent_of(value) == fraction


def test_what_was_used_and_what_it_cost() -> None:
    known = outcome_of({"usage": {"total_tokens": 3, "cost": 0.04}})
    assert (str(known.cost), known.usage["total_tokens"]) == ("0.04", 3)
    for odd in ("x", float("nan"), -1, True, 10**30):
        assert outcome_of({"usage": {"cost": odd}}).cost is None


@pytest.mark.slow
def test_a_stream_of_any_length_is_read_in_linear_time() -> None:
    """Each picture costs the same, however many came before."""

    def seconds(count: int) -> float:
        start = time.process_time()
        stream(*(Event("message", {"url": f"/files/{number}.png"}) for number in range(count)), None)
        return time.process_time() - start

    assert min(seconds(5_000) for _ in range(2)) < 30 * (min(seconds(500) for _ in range(3)) + 0.002)


@pytest.mark.parametrize("body", [["https://h.example/abc?sig=1"], "https://h.example/abc?sig=1"])
def test_a_link_in_the_place_of_outputs_needs_no_suffix(body: Any) -> None:
    """Signed links have none; an id that stands there is no link."""
    assert sources({"data": body}) == [(Link("https://h.example/abc?sig=1"),)]
    assert sources({"data": ["/f/1"]}) == [(Call(path="/f/1", method="GET", base="host", expects="file"),)]
    assert sources({"code": "success", "data": "img_7f3a91c2"}) == []
