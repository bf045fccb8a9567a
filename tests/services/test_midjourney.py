"""Midjourney: what each call looks like on the wire, and what comes back, in whatever disguise."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from conversations import LINK, found, given, talk
from now_jupyter._messages import (
    BadResponseError,
    InputError,
    NowImageError,
    RateLimitError,
    RejectedError,
    TaskFailed,
)
from now_jupyter._protocol import (
    Ask,
    Button,
    Call,
    Checkpoint,
    Crop,
    Fetch,
    File,
    Later,
    Link,
    Listed,
    Lost,
    Offer,
    Origin,
    Plan,
    Poll,
    Progress,
    Reply,
    Request,
)
from now_jupyter._services import Exchange, check, make_plan, routes, service_named

MJ = service_named("midjourney")
TASK = "1763800000123456789"  # beyond 2^53
HASH = "3dbbd469-0000"
GRID = [
    *({"customId": f"MJ::JOB::upsample::{n}::{HASH}", "emoji": "", "label": f"U{n}", "type": 2} for n in range(1, 5)),
    {"customId": f"MJ::JOB::reroll::0::{HASH}::SOLO", "emoji": "🔄", "label": "", "type": 2, "style": 2},
    *({"customId": f"MJ::JOB::variation::{n}::{HASH}", "emoji": None, "label": f"V{n}"} for n in range(1, 5)),
]
BUTTONS = (
    Button(label="U2", action=f"MJ::JOB::upsample::2::{HASH}"),
    Button(label="V3", action=f"MJ::JOB::variation::3::{HASH}"),
    Button(label="Vary (Region)", action=f"MJ::Inpaint::1::{HASH}::SOLO"),
    Button(label="Custom Zoom", action=f"MJ::CustomZoom::{HASH}"),
    Button(label="❤", action=f"MJ::BOOKMARK::{HASH}"),
    Button(label="Animate (High)", action=f"MJ::JOB::animate_high::1::{HASH}"),
    Button(label="2", action="MJ::Job::PicReader::2"),
    Button(label="Imagine all", action="MJ::Job::PicReader::all"),
    Button(label="Show Details", action="MJ::Job::PromptAnalyzerExtended"),
    Button(label="confirm", action="modal"),
    Button(label="reroll", action="change:REROLL:1"),
)


def offer(model: str) -> Offer:
    offered = MJ.offer(Listed(name=model))
    assert offered is not None
    return offered


def ask(prompt: str = "a fox", model: str = "midjourney", *, n: int = 1, **rest: Any) -> Ask:
    raw, inputs, button = rest.pop("raw", {}), rest.pop("inputs", ()), rest.pop("button", None)
    request = Request(prompt=prompt, params=rest, raw=raw, inputs=tuple(inputs), button=button)
    return Ask(request=request, offer=offer(model), n=n)


def plan(*args: Any, **rest: Any) -> Plan:
    return make_plan(MJ, ask(*args, **rest))


def origin(**facts: Any) -> Origin:
    made = {"prompt": "a fox", "words": ("first", "second"), "state": {"task": TASK, "action": "mj_imagine"}}
    return Origin(service="midjourney", model="midjourney", buttons=BUTTONS, **{**made, **facts})


def press(label: str, prompt: str = "", *more: Any, **rest: Any) -> Plan:
    return plan(prompt, inputs=[given("press", origin=origin()), *more], button=label, **rest)


def task(status: str = "SUCCESS", **facts: Any) -> dict[str, Any]:
    made = {"id": TASK, "status": status, "imageUrl": LINK, "progress": "100%", "buttons": GRID, "prompt": "a fox"}
    return {**made, **facts}


# What goes out


@pytest.mark.parametrize(
    ("model", "path", "body"),
    [
        ("midjourney", "/mj/submit/imagine", {"prompt": "a fox"}),
        ("mj_imagine", "/mj/submit/imagine", {"prompt": "a fox"}),
        ("mj-imagine", "/mj/submit/imagine", {"prompt": "a fox"}),
        ("niji-6", "/mj/submit/imagine", {"prompt": "a fox", "botType": "NIJI_JOURNEY"}),
        ("mj-fast", "/mj-fast/mj/submit/imagine", {"prompt": "a fox"}),
        ("midjourney-relax", "/mj-relax/mj/submit/imagine", {"prompt": "a fox"}),
        ("mj_shorten", "/mj/submit/shorten", {"prompt": "a fox"}),
    ],
)
def test_a_name_says_which_call_it_is(model: str, path: str, body: dict[str, Any]) -> None:
    made = plan(model=model)
    assert (made.call.path, made.call.json, made.call.base) == (path, body, "host")


@pytest.mark.parametrize("model", ["mj_upscale", "mj_variation", "mj_modal", "mj_zoom", "mjolnir", "gpt-image-2", ""])
def test_what_is_no_model_of_its_own_is_not_offered(model: str) -> None:
    """A relay lists its buttons' prices among its models."""
    assert MJ.offer(Listed(name=model)) is None


def test_flags_reach_the_wire_untouched_and_options_follow_them() -> None:
    made = plan("a fox --ar 16:9 --v 6.1 --no text", size="2:3", seed=7, negative="blur", quality="0.5", style="raw")
    assert isinstance(made.call.json, dict)
    assert made.call.json["prompt"] == "a fox --ar 16:9 --v 6.1 --no text --seed 7 --q 0.5 --style raw"
    assert plan(size="1024x1536").call.json == {"prompt": "a fox --ar 2:3"}
    assert plan(size="portrait").call.json == {"prompt": "a fox --ar 2:3"}


def test_pictures_modes_bots_and_other_fields() -> None:
    made = plan(
        inputs=[given("picture")], raw={"mode": "turbo", "botType": "NIJI_JOURNEY", "state": "x", "image_seed": True}
    )
    assert made.call.path == "/mj-turbo/mj/submit/imagine"
    assert made.call.json == {
        "prompt": "a fox",
        "base64Array": [File(sha256="a" * 64, form="data-uri")],
        "botType": "NIJI_JOURNEY",
        "state": "x",
    }
    assert made.memo == {"action": "mj_imagine", "image_seed": True}
    with pytest.raises(InputError, match="is no mode"):
        plan(raw={"mode": "../x"})
    with pytest.raises(InputError, match="prompt"):
        plan(raw={"prompt": "x"})


def test_four_pictures_are_one_call() -> None:
    made = plan(n=4)
    assert (made.expected, made.charge.name, made.charge.times) == (4, "mj_imagine", Decimal(1))
    assert offer("midjourney").most == 4


def test_blend_describe_and_swap() -> None:
    two = [given("picture"), given("picture", "b")]
    files = [File(sha256=name * 64, form="data-uri") for name in "ab"]
    assert plan("", "mj_blend", inputs=two, size="16:9").call.json == {"base64Array": files, "dimensions": "LANDSCAPE"}
    assert plan("", "mj_blend", inputs=two).call.json == {"base64Array": files, "dimensions": "SQUARE"}
    assert plan("", "mj_describe", inputs=two[:1]).call.json == {"base64": files[0]}
    swap = plan("", "swap_face", inputs=two)
    assert (swap.call.path, swap.charge.name) == ("/mj/insight-face/swap", "swap_face")
    assert swap.call.json == {"sourceBase64": files[0], "targetBase64": files[1]}


@pytest.mark.parametrize(
    ("model", "count", "why"),
    [
        ("mj_blend", 1, "needs at least 2"),
        ("mj_describe", 0, "needs at least 1"),
        ("swap_face", 1, "first the face"),
        ("swap_face", 0, "first the face"),
    ],
)
def test_what_lacks_a_picture_is_refused_before_anything_is_sent(model: str, count: int, why: str) -> None:
    with pytest.raises(InputError, match=why):
        plan("", model, inputs=[given("picture", "abc"[at]) for at in range(count)])
    with pytest.raises(InputError, match="no prompt"):
        plan("")


# Buttons


def test_a_button_goes_back_as_it_came() -> None:
    made = press("u2", raw={"mode": "fast"})
    assert made.call.path == "/mj-fast/mj/submit/action"
    assert made.call.json == {"taskId": TASK, "customId": BUTTONS[0].action}
    assert (made.charge.name, made.expected) == ("mj_upscale", 1)
    assert (press("V3").charge.name, press("V3").expected) == ("mj_variation", 4)


def test_another_version_of_a_quarter_is_its_button() -> None:
    made = plan("", inputs=[given("vary", origin=origin(handle={"quarter": 3}))])
    assert made.call.json == {"taskId": TASK, "customId": BUTTONS[1].action}
    told = plan("at dusk", inputs=[given("vary", origin=origin(handle={"quarter": 3}))])
    assert told.call.path == "/mj/submit/imagine"


@pytest.mark.parametrize(
    ("typed", "action", "index"),
    [(f"{TASK} U2", "UPSCALE", 2), (f" {TASK}  v4 ", "VARIATION", 4), (f"{TASK} R", "REROLL", 1)],
)
def test_a_simple_change_is_translated_here(typed: str, action: str, index: int) -> None:
    """Relays have it broken; and they want an index with a reroll, too."""
    made = plan(typed)
    assert made.call.path == "/mj/submit/change"
    assert made.call.json == {"taskId": TASK, "action": action, "index": index}


@pytest.mark.parametrize("typed", ["U5", "u0", "V9"])
def test_a_simple_change_that_there_is_not_is_no_prompt(typed: str) -> None:
    with pytest.raises(InputError, match=f"there is no button {typed.upper()}"):
        plan(f"{TASK} {typed}")


def test_the_mode_goes_with_both_calls_of_a_button_that_asks_back() -> None:
    """And with a confirmation, as the press had it."""
    made = press("Vary (Region)", "a hat", given("mask", "b"), raw={"mode": "relax"})
    assert [made.before[0].path, made.call.path] == ["/mj-relax/mj/submit/action", "/mj-relax/mj/submit/modal"]
    assert made.memo["mode"] == "relax"
    waiting = given("press", origin=origin(state={"task": TASK, "action": "mj_variation", "mode": "relax"}))
    assert plan("", inputs=[waiting], button="confirm").call.path == "/mj-relax/mj/submit/modal"
    assert plan("", inputs=[waiting], button="confirm", raw={"mode": "fast"}).call.path == "/mj-fast/mj/submit/modal"


def test_a_button_that_the_relay_did_not_name_is_a_change() -> None:
    assert press("reroll").call.json == {"taskId": TASK, "action": "REROLL", "index": 1}


def test_a_region_is_pressed_free_and_then_repainted() -> None:
    made = press("Vary (Region)", "a hat", given("mask", "b"))
    (before,) = made.before
    assert before.json == {"taskId": TASK, "customId": BUTTONS[2].action}
    assert made.call.path == "/mj/submit/modal"
    mask = File(sha256="b" * 64, form="data-uri", convert="mask-white")
    assert made.call.json == {"taskId": Later("taskId"), "prompt": "a hat", "maskBase64": mask}
    assert made.charge.name == "mj_modal"
    _, values = talk(MJ.prepare(made), [Reply(body={"code": 21, "result": 99})])
    assert values == {"taskId": "99"}  # type: ignore[comparison-overlap]
    with pytest.raises(InputError, match="needs a mask"):
        press("Vary (Region)", "a hat")


def test_a_custom_zoom_needs_how_far() -> None:
    assert isinstance(body := press("Custom Zoom", "--zoom 1.5").call.json, dict)
    assert body["prompt"] == "a fox --zoom 1.5"
    assert isinstance(body := press("Custom Zoom", "a hill --zoom 2").call.json, dict)
    assert body["prompt"] == "a hill --zoom 2"
    with pytest.raises(InputError, match="needs --zoom"):
        press("Custom Zoom", "a hill")


def test_what_waits_for_a_word_is_confirmed_by_a_button() -> None:
    made = press("confirm")
    assert made.call.path == "/mj/submit/modal"
    assert made.call.json == {"taskId": TASK, "prompt": "a fox"}
    assert isinstance(body := press("confirm", "an owl").call.json, dict)
    assert body["prompt"] == "an owl"


def test_the_words_of_a_description_are_new_prompts() -> None:
    """Relays refuse these buttons; the text is asked for in their place."""
    made = press("2")
    assert (made.call.path, made.call.json) == ("/mj/submit/imagine", {"prompt": "second"})
    with pytest.raises(InputError, match=r"there is no button Show Details(?s:.*)1, 2"):
        press("Show Details")


@pytest.mark.parametrize("label", ["❤", "Animate (High)", "Imagine all"])
def test_what_relays_refuse_is_said_before_it_is_sent(label: str) -> None:
    with pytest.raises(InputError, match=f"relays refuse the button {label[:4]}"):
        press(label)


def test_a_picture_of_elsewhere_has_no_buttons() -> None:
    with pytest.raises(InputError, match="only what Midjourney made"):
        plan("", inputs=[given("press")], button="U1")
    with pytest.raises(InputError, match="there is no button U9"):
        press("U9")


def test_a_press_goes_to_the_service_that_made_it() -> None:
    """Whatever the model is called."""
    request = Request(inputs=(given("press", origin=origin()),), button="U2", model="mj_describe")
    assert routes(Listed(name="mj_describe"), request)[0].service is MJ


# What comes back


@pytest.mark.parametrize("code", [1, 21, 22, "1", 1.0])
@pytest.mark.parametrize("result", [TASK, int(TASK), [TASK]])
def test_an_accepted_task_is_kept_before_anything_else(code: Any, result: Any) -> None:
    """Also where its id came as a number, which no float ever holds."""
    reply = Reply(body={"code": code, "result": result, "properties": None})
    steps, outcome = talk(MJ.read(reply, {"action": "mj_imagine"}), [task()])
    assert steps[0] == Checkpoint(
        state={"action": "mj_imagine", "task": TASK, **({"asks": True} if code == 21 else {})}
    )
    assert steps[1] == Poll(TASK)
    assert outcome is not None


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"code": 23, "description": "队列已满"}, RateLimitError, "队列已满"),
        ({"code": 24, "description": "x", "properties": {"bannedWord": "blood"}}, RejectedError, "blood"),
        ({"code": 4, "description": "unknown_action:MJ::X"}, NowImageError, "unknown_action"),
        ({"code": 9, "description": "no account"}, NowImageError, "no account"),
        ({"code": "4", "description": "no account"}, NowImageError, "no account"),
        ({"code": 1, "result": ""}, BadResponseError, "no task"),
        ({"code": 0, "msg": "ok", "taskId": TASK}, BadResponseError, "no task"),
        ({"code": 200, "result": TASK}, BadResponseError, "no task"),
        ({}, BadResponseError, "no task"),
        (None, BadResponseError, "no task"),
        ([1], BadResponseError, "no task"),
    ],
)
def test_what_was_not_accepted_says_why(body: Any, kind: type[NowImageError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        talk(MJ.read(Reply(body=body), {}))
    is_refused = isinstance(body, dict) and body.get("code") in (4, 9, 23, 24, "4")
    assert caught.value.billed == ("no" if is_refused else "maybe")


def test_the_grid_is_cut_into_its_quarters() -> None:
    """The grid comes along and is numbered last; what the relay proxies is asked for at the address in use."""
    link = f"http://localhost:3000/mj/image/{TASK}"
    steps, outcome = talk(MJ.resume({"task": TASK, "action": "mj_imagine"}), [task(imageUrl=link)])
    grid, *quarters = found(steps)
    here = Call(path="/mj/image/{}", ids=(TASK,), method="GET", base="host", headers={}, expects="file")
    assert (grid.key, grid.is_side, grid.sources) == ("grid", True, (here, Link(link)))
    assert [one.key for one in quarters] == ["1", "2", "3", "4"]
    assert quarters[3].sources == (Crop("grid", (0.5, 0.5, 1.0, 1.0)),)
    assert (quarters[3].handle, quarters[3].about["crop"]) == ({"quarter": 4}, 4)
    assert outcome is not None
    assert (outcome.expected, [one.label for one in outcome.buttons][:6]) == (
        4,
        ["U1", "U2", "U3", "U4", "reroll", "V1"],
    )
    assert outcome.buttons[4].action == GRID[4]["customId"]


def test_a_link_of_elsewhere_is_fetched_there_first() -> None:
    steps, _ = talk(MJ.resume({"task": TASK, "action": "mj_upscale"}), [task(buttons=[])])
    (one,) = found(steps)
    assert (one.key, one.is_side, one.sources[0]) == ("1", False, Link(LINK))


@pytest.mark.parametrize("buttons", [None, [], "x", [None, 3, {"label": None, "customId": 5}]])
def test_a_grid_whose_buttons_are_kept_back_has_the_usual_ones(buttons: Any) -> None:
    steps, outcome = talk(MJ.resume({"task": TASK, "action": "mj_imagine"}), [task(buttons=buttons)])
    assert len(found(steps)) == 5
    assert outcome is not None
    assert {one.label: one.action for one in outcome.buttons}["U3"] == "change:UPSCALE:3"


@pytest.mark.parametrize(
    ("progress", "fraction"),
    [("37%", 0.37), ("0%", 0.0), ("100%", 1.0), ("", None), (None, None), ("Waiting", None), (50, 0.5), ("٣%", None)],
)
def test_progress_in_odd_texts(progress: Any, fraction: float | None) -> None:
    """With the unfinished picture, where there is one; a state that nobody knows is waited for."""
    steps, _ = talk(
        MJ.resume({"task": TASK, "action": "mj_imagine"}), [task("", progress=progress), task("WHATEVER"), task()]
    )
    first = next(step for step in steps if isinstance(step, Progress))
    assert (first.fraction, first.preview) == (fraction, Link(LINK))


def test_a_code_that_asks_is_heeded_where_the_task_does_not_say_so() -> None:
    """A proxy whose tasks are NOT_START until they are confirmed; with a status the code means another thing."""
    reply = Reply(body={"code": 21, "description": "Waiting for window confirm", "result": TASK})
    waiting = task("NOT_START", imageUrl=None, buttons=None, description="Waiting for window confirm")
    steps, outcome = talk(MJ.read(reply, {"action": "mj_variation"}), [waiting])
    assert outcome is not None
    assert (outcome.needs, [one.label for one in outcome.buttons]) == ("Waiting for window confirm", ["confirm"])
    there = Reply(body={"code": 21, "result": TASK, "properties": {"status": "NOT_START"}})
    steps, outcome = talk(MJ.read(there, {"action": "mj_upscale"}), [waiting, task(buttons=[])])
    assert len(found(steps)) == 1


def test_what_waits_for_a_word_is_never_waited_for() -> None:
    """MODAL, whatever the submit said: pending, with a button; maybe billed until it is confirmed."""
    reply = Reply(body={"code": 1, "result": TASK})
    steps, outcome = talk(
        MJ.read(reply, {"action": "mj_variation"}), [task("MODAL", description="Waiting for confirm")]
    )
    state = {"action": "mj_variation", "task": TASK}
    assert steps[-1] == Checkpoint(state=state, billed="maybe")
    assert outcome is not None
    assert outcome.needs == "Waiting for confirm"
    assert outcome.buttons == (Button(label="confirm", action="modal", asks="words"),)


def test_a_button_says_what_it_asks_back_for() -> None:
    """A mask, words with the usual ones, or nothing; what relays refuse is known before it is pressed."""
    listed = [{"label": one.label, "customId": one.action} for one in BUTTONS]
    _, outcome = talk(MJ.resume({"task": TASK, "action": "mj_upscale"}), [task("SUCCESS", buttons=listed)])
    assert outcome is not None
    told = {one.label: (one.asks, one.words, one.is_refused) for one in outcome.buttons}
    assert told["Vary (Region)"] == ("mask", "", False)
    assert told["Custom Zoom"] == ("words", "--zoom 1.5", False)
    assert told["confirm"] == ("words", "", False)
    assert told["U2"] == told["2"] == ("", "", False)
    assert told["❤"] == told["Animate (High)"] == ("", "", True)


def test_a_failure_says_why_and_keeps_what_it_gave() -> None:
    state = {"task": TASK, "action": "mj_imagine"}
    with pytest.raises(TaskFailed, match="banned"):
        talk(MJ.resume(state), [task("FAILURE", failReason="banned", imageUrl="")])
    with pytest.raises(TaskFailed):
        talk(MJ.resume(state), [task("CANCEL", imageUrl=None)])
    with pytest.raises(TaskFailed, match=r"failed: \?"):  # and not: Submit success
        talk(MJ.resume(state), [task("FAILURE", failReason={}, imageUrl="", description="Submit success")])
    steps, _ = talk(MJ.resume(state), [task("FAILURE", failReason="late", buttons=None)])
    assert [one.key for one in found(steps)] == ["1"]
    assert steps[-1] == Lost("late")


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        ("1️⃣ a fox\n\n2️⃣ an owl --ar 3:2", ["a fox", "an owl --ar 3:2"]),
        ("## Important tokens\n**a**\n\n## Shortened prompts\n1️⃣ a\n\n2️⃣ b", ["a", "b"]),
        ("only one", ["only one"]),
    ],
)
def test_descriptions_are_words_one_by_one(words: str, texts: list[str]) -> None:
    known = task(buttons=None, properties={"finalPrompt": words})
    steps, outcome = talk(MJ.resume({"task": TASK, "action": "mj_describe"}), [known])
    assert [(one.kind, one.words) for one in found(steps)] == [("words", text) for text in texts]
    assert outcome is not None
    assert [one.label for one in outcome.buttons] == [str(number) for number in range(1, len(texts) + 1)]


def test_a_description_that_failed_gives_nothing() -> None:
    """The picture of its task is the one that was given."""
    with pytest.raises(TaskFailed, match="too dark"):
        talk(MJ.resume({"task": TASK, "action": "mj_describe"}), [task("FAILURE", failReason="too dark")])


@pytest.mark.parametrize("sign", ["2\ufe0f\u20e3", "2\u20e3"])
def test_a_keycap_is_its_digit(sign: str) -> None:
    """As Midjourney writes the buttons of a description."""
    known = task(buttons=[{"customId": "MJ::Job::PicReader::2", "emoji": sign, "label": ""}])
    _, outcome = talk(MJ.resume({"task": TASK, "action": "mj_describe"}), [known])
    assert outcome is not None
    assert [one.label for one in outcome.buttons] == ["2"]


def test_without_properties_the_prompt_is_what_is_known() -> None:
    steps, _ = talk(MJ.resume({"task": TASK, "action": "mj_upscale"}), [task(properties=None, buttons=None)])
    assert found(steps)[0].about["revised_prompt"] == "a fox"


def test_the_seed_is_asked_for_where_it_is_wanted() -> None:
    state = {"task": TASK, "action": "mj_imagine", "image_seed": True}
    steps, _ = talk(MJ.resume(state), [task(), Reply(body={"code": 1, "result": "636646138"})])
    assert [step.call.path for step in steps if isinstance(step, Fetch)] == ["/mj/task/{}/image-seed"]
    assert found(steps)[1].about["seed"] == 636646138
    steps, _ = talk(MJ.resume(state), [task(), RejectedError("none")])
    assert len(found(steps)) == 5


def test_one_task_is_fetched_and_several_at_once() -> None:
    steps, known = talk(MJ.poll((TASK,)), [Reply(body=task())])
    assert steps[0].call.path == "/mj/task/{}/fetch"
    assert known == {TASK: task()}  # type: ignore[comparison-overlap]
    for nothing in (RejectedError("task_no_found"), Reply(), Reply(body={"code": 4})):
        assert talk(MJ.poll((TASK,)), [nothing])[1] == {}  # type: ignore[comparison-overlap]
    steps, known = talk(MJ.poll((TASK, "2")), [Reply(body=[task(), None, {"id": 2, "status": ""}])])
    assert steps[0].call.json == {"ids": [TASK, "2"]}
    assert set(known or ()) == {TASK, "2"}  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "answer",
    [
        *(RejectedError("no such address"), BadResponseError("nonsense"), Reply(), Reply(body={"error": "x"})),
        *(Reply(body=[]), Reply(body={"code": 1, "data": None}), Reply(body=[{"id": 1.7e18, "status": ""}])),
    ],
)
def test_a_relay_that_cannot_be_asked_for_several_is_asked_for_each(answer: Any) -> None:
    """One that leaves a task out is asked for that one, too."""
    steps, known = talk(MJ.poll((TASK, "2")), [answer, Reply(body=task()), RejectedError("task_no_found")])
    assert [step.call.path for step in steps][1:] == ["/mj/task/{}/fetch"] * 2
    assert known is not None
    assert known[TASK] == task()  # type: ignore[call-overload]


@pytest.mark.parametrize("key", ["data", "result"])
def test_tasks_in_a_wrapping_are_read(key: str) -> None:
    wrapped = Reply(body={"code": 1, key: [task(), task(id="2")]})
    _, known = talk(MJ.poll((TASK, "2")), [wrapped])
    assert set(known or ()) == {TASK, "2"}  # type: ignore[call-overload]
    for status in ("IN_PROGRESS", "FAILURE", ""):
        _, known = talk(MJ.poll((TASK,)), [Reply(body={"code": 1, key: task(status)})])
        assert known == {TASK: task(status)}  # type: ignore[comparison-overlap]


def test_single_pictures_beside_the_grid_are_taken_where_there_are_four() -> None:
    links = [{"url": f"https://h.example/{number}.png", "thumbnail": ""} for number in range(1, 5)]
    steps, _ = talk(MJ.resume({"task": TASK, "action": "mj_imagine"}), [task(imageUrls=links)])
    assert found(steps)[2].sources == (Link("https://h.example/2.png"), Crop("grid", (0.5, 0.0, 1.0, 0.5)))
    steps, _ = talk(MJ.resume({"task": TASK, "action": "mj_imagine"}), [task(imageUrls=links[:3])])
    assert found(steps)[2].sources == (Crop("grid", (0.5, 0.0, 1.0, 0.5)),)


def test_a_relay_that_answers_in_a_form_of_its_own_is_read() -> None:
    """Its submit is Midjourney's, its task is not: the state in another place, the pictures in a list."""
    known = {
        "task": {"task_id": "t", "status": "TASK_STATUS_SUCCEED"},
        "images": [{"image_url": LINK}, {"image_url": f"{LINK}2"}],
    }
    _, answer = talk(MJ.poll((TASK,)), [Reply(body=known)])
    assert answer == {TASK: known}  # type: ignore[comparison-overlap]
    steps, outcome = talk(MJ.resume({"task": TASK, "action": "mj_imagine"}), [known])
    assert [one.sources[0] for one in found(steps)] == [Link(LINK), Link(f"{LINK}2")]
    assert outcome is not None
    assert outcome.expected == 2


def test_it_keeps_the_contract() -> None:
    asks = [
        ask(size="16:9", seed=3),
        ask(inputs=[given("picture")], raw={"mode": "fast", "state": "x"}),
        ask("", "mj_blend", inputs=[given("picture"), given("picture", "b")]),
        ask("", "mj_describe", inputs=[given("picture")]),
        ask("", inputs=[given("press", origin=origin())], button="U2"),
        ask("a hat", inputs=[given("press", origin=origin()), given("mask", "b")], button="Vary (Region)"),
    ]
    reply = Reply(body={"code": 1, "description": "ok", "result": TASK, "properties": {}})
    answers = (Reply(body=task("IN_PROGRESS", progress="40%")), Reply(body=task()))
    check(MJ, asks, [Exchange(reply=reply, answers=answers)], before=[Reply(body={"code": 21, "result": TASK})])


# What proxies and relays document and test, in the shapes in which they do

OPEN = {"id": "14001929738841620", "action": "IMAGINE", "status": "IN_PROGRESS", "prompt": "猫猫", "promptEn": "Cat"}
TIMES = {"submitTime": 1689231405854, "startTime": 1689231442755, "finishTime": 1689231544312}
DOCUMENTED = {
    "midjourney-proxy: no buttons, failReason null": (
        {"code": 1, "description": "成功", "result": "14001929738841620"},
        {**OPEN, **TIMES, "status": "SUCCESS", "progress": "100%", "imageUrl": LINK, "failReason": None},
        ["grid", "1", "2", "3", "4"],
    ),
    "midjourney-proxy: the same upscale is there already": (
        {
            "code": 21,
            "description": "任务已存在",
            "result": "0741798445574458",
            "properties": {"status": "SUCCESS", "imageUrl": LINK},
        },
        {"id": "0741798445574458", "action": "UPSCALE", "status": "SUCCESS", "imageUrl": LINK, "progress": "100%"},
        ["1"],
    ),
    "midjourney-proxy: queued": (
        {
            "code": 22,
            "description": "排队中，前面还有1个任务",
            "result": "0741798445574458",
            "properties": {"numberOfQueues": 1},
        },
        {**OPEN, "status": "SUCCESS", "imageUrl": LINK, "buttons": GRID},
        ["grid", "1", "2", "3", "4"],
    ),
    "a relay with fields of its own, and a link that is signed": (
        {"code": 1, "description": "accepted", "result": "child-task", "properties": {"discordInstanceId": "1"}},
        {
            **OPEN,
            **TIMES,
            "id": "child-task",
            "status": "SUCCESS",
            "botType": "",
            "state": "",
            "mode": "",
            "proxy": "",
            "imageUrl": f"{LINK}?ex=682471af&is=6823202f&hm=f7",
            "imageHeight": 0,
            "imageWidth": 0,
            "failReason": "",
            "buttons": GRID,
        },
        ["grid", "1", "2", "3", "4"],
    ),
    "new-api: the submit refreshed, status empty first": (
        {"code": 1, "description": "Submit success", "result": 1748339029401828, "properties": None},
        {**OPEN, "id": "1748339029401828", "status": "SUCCESS", "imageUrl": LINK, "buttons": GRID, "maskBase64": ""},
        ["grid", "1", "2", "3", "4"],
    ),
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_what_proxies_document_is_read(name: str) -> None:
    submit, done, keys = DOCUMENTED[name]
    action = "mj_upscale" if keys == ["1"] else "mj_imagine"
    waiting = {**OPEN, "status": "", "progress": "", "imageUrl": None, "buttons": None}
    steps, outcome = talk(MJ.read(Reply(body=submit), {"action": action}), [waiting, {**OPEN, "progress": "31%"}, done])
    assert [one.key for one in found(steps)] == keys
    assert outcome is not None
    assert outcome.buttons or keys == ["1"]
