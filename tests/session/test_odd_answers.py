"""Pictures that were paid for are found in whatever answer they lie, once and in order; what looks like one is not.

Each row stands for a kind of answer that people met at real relays, sent byte by byte by a raw server.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from faultserver import Close, FaultServer, Send, chunked, response, stream_answer
from now_jupyter._display._display import caption_of
from now_jupyter._messages import BadResponseError
from odd_relay import Odd, b64, completed, drawing, events, frame, odd_relay, picture, text_answer

ONE, TWO, THREE = drawing(1), drawing(2), drawing(3)
A, B, C = b64(ONE), b64(TWO), b64(THREE)
URI = f"data:image/png;base64,{A}"
PLAIN = json.dumps({"created": 1, "data": [{"b64_json": A}]})


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Odd]:
    with odd_relay(tmp_path) as one:
        yield one


def chat(content: Any, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": content, **more}}]}


HELD = {
    "strings": {"images": [A]},
    "data is an object": {"data": {"images": [A]}},
    "data is an object with links in a list": {"data": {"images": [{"url": [URI]}]}},
    "an object for a list": {"images": {"0": A}},
    "JSON inside a text": {"code": 200, "data": {"state": "success", "resultJson": json.dumps({"resultUrls": [URI]})}},
    "camel case": {"imageURLs": [URI]},
    "a name nobody listed": {"myVeryOwn": {"place": [{"picture": URI}]}},
    "chat images": chat("Here it is", images=[{"type": "image_url", "image_url": {"url": URI}}]),
    "chat Markdown": chat(f"Here:\n![image]({URI})"),
    "chat data URI": chat(f"Here: {URI}"),
    "chat base64 alone": chat(A),
    "chat parts": chat([{"type": "text", "text": "Here"}, {"type": "output_image", "image_url": URI}]),
    "a Markdown link in a field": {"data": [{"url": f"![image]({URI})"}]},
    "responses": {"output": [{"type": "reasoning"}, {"type": "image_generation_call", "result": A}]},
    "a head of another kind": {"data": [{"b64_json": f"data:application/octet-stream;base64,{A}"}]},
    "no kind in the head": {"data": [{"image": f"data:;base64,{A}"}]},
    "deep": json.loads('{"a":' * 40 + json.dumps([URI]) + "}" * 40),
}


def test_a_picture_inside_an_answer_is_found_in_any_place(odd: Odd) -> None:
    """SurfSense#1506, ai#6405 and their like."""
    for shape, body in HELD.items():
        odd.says(body)
        assert (odd.digests(), odd.last.status) == ([ONE], "done"), shape


LINKED = {
    "from the root": {"data": [{"url": "/files/image.png"}]},
    "without a suffix": {"data": [{"url": "/v1/files/7/content?size=2"}]},
    "below the root": {"data": [{"url": "files/image.png"}]},
    "with a dot": {"data": [{"url": "./files/image.png"}]},
    "in chat": chat("![image](/files/image.png)"),
    "a text": {"image": "/files/image.png"},
    "without a scheme": {"data": [{"url": "//{host}/files/image.png"}]},
    "whole": {"data": [{"url": "http://{host}/files/7"}]},
    "in words": chat("see http://{host}/files/image.png ."),
    "a link in chat, then the same to click": chat(
        "> 进度 **67%**\n\n![f](http://{host}/files/image.png)\n[下载⏬](http://{host}/files/download/image.png)\n"
    ),
    "behind names of other links": {
        "status_url": "http://{host}/tasks/1",
        "urls": {"get": "http://{host}/tasks/1", "cancel": "http://{host}/tasks/1/cancel"},
        "output": "http://{host}/files/7",
    },
}


def test_a_link_is_resolved_against_the_address(odd: Odd) -> None:
    """A link without a host leads to the relay; one with a host to that."""
    for shape, body in LINKED.items():
        odd.says(json.loads(json.dumps(body).replace("{host}", f"127.0.0.1:{odd.server.port}")))
        odd.serves(dict.fromkeys(("/files/image.png", "/files/7", "/v1/files/7/content"), ONE))
        assert (odd.digests(), odd.last.status) == ([ONE], "done"), shape


def test_a_relay_at_home_links_to_another_port_of_its_own(odd: Odd) -> None:
    """As LiteLLM's proxy does in front of others."""
    with FaultServer() as other:
        other.script(picture(ONE))
        odd.says({"data": [{"url": f"{other.url}/files/7.png"}]})
        assert odd.digests() == [ONE]
        assert "authorization" not in other.seen[0].headers


SEVERAL = {
    "items": {"data": [{"b64_json": A}, {"b64_json": B}, {"b64_json": C}]},
    "texts": {"images": [A, B, C]},
    "base64 and data URIs": {"results": [URI, {"b64_json": B}, {"image": f"data:image/png;base64,{C}"}]},
    "numbered names": {"image_1": A, "image_2": B, "image_3": C},
    "one by one in JSON": [{"data": [{"b64_json": A}]}, {"data": [{"b64_json": B}]}, {"data": [{"b64_json": C}]}],
    "parts": chat([{"image": A}, {"type": "text", "text": "and"}, {"image": B}, {"image": C}]),
    "Markdown": chat(" then ".join(f"![x](data:image/png;base64,{one})" for one in (A, B, C))),
}


def test_several_come_once_and_in_order(odd: Odd) -> None:
    for shape, body in SEVERAL.items():
        odd.says(body)
        assert (odd.digests(n=3), odd.last.status) == ([ONE, TWO, THREE], "done"), shape


NOT_MADE = {
    "an input given back": {"input": {"image": URI}, "data": [{"b64_json": B}]},
    "an input given back among the pictures": {"request": {"image": A}, "data": [{"b64_json": A}, {"b64_json": B}]},
    "the user's message given back": {
        "messages": [{"role": "user", "content": [{"image_url": {"url": URI}}]}],
        "choices": [{"message": {"content": f"![x](data:image/png;base64,{B})"}}],
    },
    "a thumbnail beside its original": {"data": [{"thumbnail": URI, "url": f"data:image/png;base64,{B}"}]},
    "a thumbnail in the list": {"images": [{"type": "thumbnail", "url": URI}, {"url": f"data:image/png;base64,{B}"}]},
    "an original and its thumbnail": {"original": f"data:image/png;base64,{B}", "thumb": URI},
    "the picture that was edited": {"original_image": URI, "image": f"data:image/png;base64,{B}"},
    "a logo": {"provider": {"logo": URI}, "output": [B]},
    "two ways to one": {"data": [{"b64_json": B, "url": "http://127.0.0.1:9/x.png"}]},
    "the same in two places": {"data": [{"b64_json": B}], "images": [B]},
    "thoughts": {"candidates": [{"content": {"parts": [
        {"thought": True, "inlineData": {"mimeType": "image/png", "data": A}},
        {"inlineData": {"mimeType": "image/png", "data": B}},
    ]}}]},
}  # fmt: skip


def test_what_only_goes_along_is_no_picture(odd: Odd) -> None:
    """What was given, what is smaller, and what decorates is left alone."""
    for shape, body in NOT_MADE.items():
        odd.says(body)
        assert (odd.digests(), odd.last.status) == ([TWO], "done"), shape


def test_the_given_picture_among_the_made_ones_is_none(odd: Odd) -> None:
    """Relays of chat hand it back; alone it is what came."""
    given = odd.folder / "given.png"
    given.write_bytes(ONE)
    for body, made in (
        ({"data": [{"b64_json": A}, {"b64_json": B}]}, [TWO]),
        ({"data": [{"b64_json": B}, {"url": "/files/7"}]}, [TWO]),
        ({"data": [{"b64_json": A}]}, [ONE]),
    ):
        odd.says(body)
        odd.server.script(text_answer(json.dumps(body)), path="/v1/images/edits")
        odd.serves({"/files/7": ONE})
        assert (odd.digests(image=str(given)), odd.last.status) == (made, "done")


PAGE = '<!doctype html><html><img src="http://127.0.0.1:9/logo.png"><img src="http://127.0.0.1:9/oops.png"></html>'
NOTHING = {
    "a page": text_answer(PAGE, "text/html"),
    "a page that calls itself text": text_answer(PAGE, "text/plain"),
    "a page inside JSON": text_answer(json.dumps({"data": PAGE})),
    "only the input": text_answer(json.dumps({"input": {"image": URI}, "data": []})),
    "a help page": text_answer(json.dumps({"message": "see http://127.0.0.1:9/help"})),
}


def test_an_answer_without_a_picture_has_none(odd: Odd) -> None:
    """It is kept, and may have been billed."""
    for count, (shape, script) in enumerate(NOTHING.items(), start=1):
        odd.says(script)
        error = odd.fails()
        assert isinstance(error, BadResponseError), shape
        assert (error.billed, odd.last.status, odd.last.pictures) == ("maybe", "unknown", ()), shape
        assert len(odd.answers) == count


WRITTEN = {
    "comments before JSON": f": PING\n\n: PING\n\n{PLAIN}",
    "comments before JSON in lines": ": PING\n" + json.dumps(json.loads(PLAIN), indent=1),
    "JSON, then the end of a stream": f"{PLAIN}\n\ndata: [DONE]\n\n",
    "JSON, then a brace": PLAIN + "}",
    "JSON, then words": PLAIN + "\nconnection closed\n",
    "a warning before it": f"Warning: something is old in /srv/app.php on line 7\n{PLAIN}",
    "a warning with brackets": f"[2026-11-30 12:00:00] WARN [pool] slow\n{PLAIN}",
    "a warning of a web server": f"<br />\n<b>Warning</b>: old in <b>x</b><br />\n{PLAIN}",
    "lines": json.dumps({"status": "running"}) + "\n" + PLAIN + "\n",
    "events without data:": f"event: done\n{PLAIN}\n\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "application/x-ndjson", "text/plain"])
def test_what_is_written_around_an_answer_does_no_harm(odd: Odd, kind: str) -> None:
    """sub2api#4219, cherry-studio#14602: whatever the answer calls itself, the picture comes at once."""
    for shape, text in WRITTEN.items():
        odd.says(text_answer(text, kind))
        assert (odd.digests(), odd.last.status) == ([ONE], "done"), shape


def test_lines_of_json_are_one_answer(odd: Odd) -> None:
    lines: list[Any] = [{"status": "running", "progress": count} for count in range(300)]
    lines += [{"type": "image_generation.partial_image", "b64_json": A}]
    lines += [{"type": "image_generation.completed", "b64_json": one} for one in (B, C)]
    odd.says(text_answer("\n".join(map(json.dumps, lines)), "application/x-ndjson"))
    assert odd.digests(n=2) == [TWO, THREE]


WELL = {
    "a number of the maker's own": {
        "code": 10000,
        "message": "Success",
        "status": 10000,
        "data": {"image_urls": [URI]},
    },
    "another": {"code": 10000, "message": "ok so far", "data": {"images": [A]}},
    "an error that is none": {"error_code": 0, "error_msg": "SUCCESS", "data": [{"b64_json": A}]},
    "an error without anything": {"error": {"code": "", "message": "", "param": None}, "data": [{"b64_json": A}]},
    "an empty list of errors": {"errors": [], "warnings": ["old"], "data": [{"b64_json": A}]},
    "words of success": {"code": "200", "msg": "操作成功", "data": [{"b64_json": A}]},
    "a state": {"status": "success", "code": 1, "description": "Submit success", "result": A},
}


def test_an_answer_that_says_success_in_its_own_way_is_whole(odd: Odd) -> None:
    for shape, body in WELL.items():
        odd.says(body)
        assert (odd.digests(), odd.last.status, odd.last.error) == ([ONE], "done", None), shape


STREAMS = {
    "an item's error between two": (completed(1), frame({"error": {"message": "filtered"}}, "error"), completed(3)),
    "an error behind two": (completed(1), completed(3), frame({"error": {"message": "filtered"}})),
    "an error behind two, by its type": (completed(1), completed(3), frame({"type": "error", "message": "filtered"})),
    "an item that failed": (
        completed(1),
        frame({"type": "image_generation.failed", "message": "filtered"}, "image_generation.failed"),
        completed(3),
    ),
    "a bare line": (completed(1), completed(3), json.dumps({"error": {"message": "filtered"}}) + "\n"),
}


ASKED = {"params": {"stream": True}}  # then events are read while they come, else when all are here


@pytest.mark.slow
@pytest.mark.parametrize("given", [{}, ASKED], ids=["unasked", "asked"])
@pytest.mark.parametrize("frames", STREAMS.values(), ids=STREAMS)
def test_one_that_fails_costs_the_others_nothing(odd: Odd, frames: tuple[str, ...], given: dict[str, Any]) -> None:
    """ComfyUI#9952: what was delivered is kept, the order is partial, its answer stays, and the error is told."""
    odd.says(events(*frames))
    made = odd.buys(n=3, **given)
    assert [one.bytes() for one in made.pictures] == [ONE, THREE]
    assert (made.status, made.billed) == ("partial", "yes")
    assert made.error is not None
    assert "filtered" in made.error.message()
    assert odd.answers


@pytest.mark.parametrize("given", [{}, ASKED], ids=["unasked", "asked"])
def test_a_cut_stream_keeps_what_was_delivered(odd: Odd, given: dict[str, Any]) -> None:
    odd.says([Send(stream_answer() + chunked(completed(1).encode(), completed(2).encode()[:90], end=False)), Close()])
    made = odd.buys(n=2, **given)
    assert [one.bytes() for one in made.pictures] == [ONE]
    assert made.status == "partial"
    assert made.error is not None
    assert made.error.type == "MaybeBilledError"
    assert odd.answers


REPEATED = {
    "the whole object": frame({"created": 1, "data": [{"b64_json": A}]}),
    "the whole response": frame({"type": "response.completed", "response": {"output": [{"result": A}]}}),
    "another form of it": frame({"data": [{"url": URI}]}),
    "a link to it": frame({"data": [{"url": "/files/7"}]}),
}


def test_a_chat_answer_that_was_cut_behind_its_picture_gives_it(odd: Odd) -> None:
    """The message is whole, what stands behind it is not."""
    body = json.dumps(chat(f"Here ![x]({URI})")).encode()
    end = body.index(b"}]}") + 1
    for cut in (end, end + 1, len(body) - 1):
        head = response(200, body[:cut], headers={"Content-Type": "application/json"}, length=len(body))
        odd.server.forget()
        odd.server.script([Send(head), Close()], path="/v1/chat/completions")
        assert odd.digests(model="gemini-3-pro-image") == [ONE], cut


@pytest.mark.parametrize("last", REPEATED.values(), ids=REPEATED)
def test_a_last_frame_that_repeats_it_all_adds_nothing(odd: Odd, last: str) -> None:
    odd.says(events(completed(1), last, "data: [DONE]\n\n"))
    odd.serves({"/files/7": ONE})
    assert odd.digests() == [ONE]
    assert odd.last.status == "done"
    assert [path.name for path in odd.last.outputs[0].path.parent.iterdir()] == ["1-fox.png"]


def test_two_that_are_equal_are_two_where_two_were_asked_for(odd: Odd) -> None:
    odd.says({"data": [{"b64_json": A}, {"url": "/files/7"}, {"url": "/files/8"}]})
    odd.serves({"/files/7": ONE, "/files/8": TWO})
    assert odd.digests(n=2) == [ONE, TWO]
    odd.says({"data": [{"b64_json": A}, {"url": "/files/7"}]})
    odd.serves({"/files/7": ONE})
    assert odd.digests(n=2) == [ONE, ONE]


@pytest.mark.parametrize(
    ("body", "seeds"),
    [
        ({"seed": 7, "images": [A]}, [7]),
        ({"seed": "1234567890123", "images": [A]}, [1234567890123]),
        ({"data": [{"b64_json": A, "seed": "8"}]}, [8]),
        ({"data": [{"b64_json": A, "seed": 9}], "seed": 7}, [9]),
        ({"images": [A, B], "seed": [7, 8]}, [7, 8]),
        ({"output": {"seed": 5, "images": [{"url": URI}]}}, [5]),
        ({"images": [A], "seed": "none"}, [None]),
    ],
)
def test_a_seed_is_kept_wherever_it_stands(odd: Odd, body: Any, seeds: list[int | None]) -> None:
    odd.says(body)
    assert [one.seed for one in odd.buys(n=len(seeds)).pictures] == seeds


TASKS = {
    "evolink": {"id": "task_img_9f", "object": "generation.task", "status": "queued"},
    "apimart": {"code": 200, "data": [{"status": "submitted", "task_id": "task_img_9f"}]},
    "async": {"task_id": "task_img_9f"},
    "an id as data": {"code": "success", "data": "task_img_9f"},
    "with its own address": {
        "id": "task_img_9f",
        "status": "queued",
        "url": "http://127.0.0.1:9/v1/tasks/task_img_9f",
    },
}


@pytest.mark.parametrize("body", TASKS.values(), ids=TASKS)
def test_a_task_in_place_of_a_picture_is_followed(odd: Odd, body: Any) -> None:
    """infinite-canvas#231: the id first, then it is asked for, free."""
    odd.says(body, status=202)
    running = text_answer(json.dumps({"id": "task_img_9f", "status": "processing", "progress": 40}))
    over = text_answer(json.dumps({"id": "task_img_9f", "status": "completed", "result": {"images": [{"url": [URI]}]}}))
    odd.serves({"/v1/images/tasks/task_img_9f": (running, over)})
    assert odd.digests() == [ONE]
    assert (odd.last.status, odd.server.posts) == ("done", 1)


NOT_YET = {
    "202 with words": text_answer('{"status":"processing"}', status=202),
    "202": text_answer("", status=202),
    "204": text_answer("", status=204),
    "words of a task": text_answer('{"status":"processing"}'),
}


@pytest.mark.slow
@pytest.mark.parametrize("link", ["http://{host}/files/7", "/files/7"])
@pytest.mark.parametrize("script", NOT_YET.values(), ids=NOT_YET)
def test_a_link_that_is_not_ready_is_fetched_again(odd: Odd, script: Any, link: str) -> None:
    odd.says({"data": [{"url": link.replace("{host}", f"127.0.0.1:{odd.server.port}")}]})
    odd.serves({"/files/7": (script, script, script, script, script, picture(ONE))})
    assert odd.digests() == [ONE]
    assert odd.last.status == "done"


def test_a_link_that_is_never_ready_is_kept(odd: Odd) -> None:
    odd.says({"data": [{"url": f"{odd.server.url}/files/7"}]})
    odd.serves({"/files/7": NOT_YET["202 with words"]})
    error = odd.fails()
    assert "not ready" in error.message()
    odd.server.forget()
    odd.serves({"/files/7": ONE})
    (made,) = odd.session.resume()
    assert [one.bytes() for one in made.pictures] == [ONE]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_path_of_the_relay_that_gives_nothing_says_so_of_the_picture(odd: Odd, status: int) -> None:
    """The order was taken and paid: neither address nor key are to blame."""
    odd.says({"data": [{"url": "/files/7"}]})
    odd.serves({"/files/7": text_answer("gone", "text/plain", status)})
    error = odd.fails()
    assert (error.message(), error.billed) == ("the picture could not be fetched from 127.0.0.1: gone", "yes")
    assert "resume" in error.next_step()
    odd.server.forget()
    odd.serves({"/files/7": ONE})
    (made,) = odd.session.resume()
    assert [one.bytes() for one in made.pictures] == [ONE]


# What was paid for and cannot be shown


def film() -> bytes:
    data = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), (shade, 60, 77)) for shade in (10, 200)]
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
    return data.getvalue()


KEPT = {
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>', ".svg", "picture"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(90), ".heic", "picture"),
    "AVIF": (b"\0\0\0\x1cftypavif" + bytes(90), ".avif", "picture"),
    "MP4": (b"\0\0\0\x18ftypmp42" + bytes(90), ".mp4", "video"),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["base64", "link", "the answer itself"])
@pytest.mark.parametrize(("data", "suffix", "kind"), KEPT.values(), ids=KEPT)
def test_what_cannot_be_shown_is_kept_named_and_told(odd: Odd, data: bytes, suffix: str, kind: str, way: str) -> None:
    """dify-for-dsl#17: it is no failure; the caption says where it is, and `%now open` opens it."""
    answers: dict[str, Any] = {"base64": {"data": [{"b64_json": b64(data)}]}, "link": {"data": [{"url": "/files/7"}]}}
    odd.says(answers.get(way) or [Send(response(200, data, headers={"Content-Type": "application/octet-stream"}))])
    odd.serves({"/files/7": data})
    made = odd.buys()
    (kept,) = made.outputs
    assert made.status == "done"
    assert (kept.bytes(), kept.path.suffix, type(kept).__name__.lower()) == (data, suffix, kind)
    assert kept.path.name in caption_of(made)
    assert "fox" in kept.path.name
    assert odd.session.path_of("#1") == odd.session.path_of(made) == kept.path
    assert "image/png" not in made._repr_mimebundle_()[0] or suffix == ".avif"
    assert not list((kept.path.parent.parent / "quarantine").glob("*"))


def test_what_is_no_file_at_all_is_kept_and_its_place_told(odd: Odd) -> None:
    odd.says({"data": [{"b64_json": b64(b"neither this nor that")}]})
    error = odd.fails()
    place = next(part for part in "\n".join(error.lines()).split() if "quarantine/" in part)
    assert (odd.session.context.home().store.folder.parent / place).read_bytes() == b"neither this nor that"


def test_a_gif_is_shown_moving(odd: Odd) -> None:
    odd.says({"data": [{"b64_json": b64(film())}]})
    made = odd.buys()
    data, _ = made._repr_mimebundle_()
    shown = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert getattr(shown, "n_frames", 1) == 2
    assert made.pictures[0].bytes() == film()


@pytest.mark.parametrize("given", [{"format": "svg"}, {"params": {"output_format": "heic"}}])
def test_what_cannot_be_shown_is_said_before_paying(odd: Odd, given: dict[str, Any]) -> None:
    odd.says({"data": [{"b64_json": A}]})
    job = odd.session.submit("a fox", model="gpt-image-2", **given)
    job.result(30)
    assert [note for note in job.notes if "cannot show" in note]
    job = odd.session.submit("a fox", model="gpt-image-2", format="webp")
    job.result(30)
    assert not [note for note in job.notes if "cannot show" in note]
