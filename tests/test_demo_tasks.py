"""Midjourney tasks of the demo relay, told with a clock that is set by hand."""

import asyncio
import base64
from typing import Any

import pytest
from PIL import Image, ImageChops

from demo_calls import Clock, get, new_relay, opened, png, post
from now_jupyter.demo import Relay


def uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


async def submit(relay: Relay, name: str, **fields: Any) -> Any:
    return (await post(relay, f"/mj/submit/{name}", **fields)).json


async def fetch(relay: Relay, task_id: str) -> Any:
    return (await get(relay, f"/mj/task/{task_id}/fetch")).json


async def finished(relay: Relay, prompt: str = "a fox in snow") -> Any:
    return await fetch(relay, (await submit(relay, "imagine", prompt=prompt))["result"])


async def press(relay: Relay, task: Any, label: str, **fields: Any) -> Any:
    custom_id = next(button["customId"] for button in task["buttons"] if label in (button["label"], button["emoji"]))
    return await submit(relay, "action", taskId=task["id"], customId=custom_id, **fields)


def likeness(one: Image.Image, other: Image.Image) -> float:
    small = [picture.convert("RGB").resize((24, 24), Image.Resampling.BOX) for picture in (one, other)]
    return sum(ImageChops.difference(*small).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)))


def test_a_task_lives_from_not_start_to_success_with_the_clock() -> None:
    """Progress rises as text, a preview comes before the picture, the buttons come last."""

    async def story() -> None:
        clock = Clock()
        relay = new_relay(latency=1, clock=clock)
        task_id = (await submit(relay, "imagine", prompt="a fox"))["result"]
        assert len(task_id) == 16
        assert task_id.isdigit()
        seen = []
        for _ in range(21):
            seen.append(await fetch(relay, task_id))
            clock.now += 1
        states = list(dict.fromkeys(task["status"] for task in seen))
        assert states == ["NOT_START", "SUBMITTED", "IN_PROGRESS", "SUCCESS"]
        shares = [int(task["progress"].removesuffix("%")) for task in seen]
        assert shares == sorted(shares)
        assert shares[-1] == 100
        preview = next(task for task in seen if task["imageUrl"])
        assert preview["status"] == "IN_PROGRESS"
        assert preview["buttons"] == []
        labels = [button["label"] or button["emoji"] for button in seen[-1]["buttons"]]
        assert labels == ["U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4"]

    asyncio.run(story())


@pytest.mark.drawn
def test_u2_is_exactly_the_second_quarter_of_the_grid() -> None:
    """It looks like that quarter, and like no other."""

    async def story() -> None:
        relay = new_relay()
        task = await finished(relay, "a boat --ar 3:2")
        grid = opened((await get(relay, task["imageUrl"])).body)
        assert grid.width > grid.height
        upscaled = await fetch(relay, (await press(relay, task, "U2"))["result"])
        picture = opened((await get(relay, upscaled["imageUrl"])).body)
        half = (grid.width // 2, grid.height // 2)
        corners = [(x, y) for y in (0, half[1]) for x in (0, half[0])]
        distances = [likeness(picture, grid.crop((x, y, x + half[0], y + half[1]))) for x, y in corners]
        assert distances.index(min(distances)) == 1
        assert {"Vary (Region)", "Custom Zoom", "Upscale (Subtle)"} <= {
            button["label"] for button in upscaled["buttons"]
        }

    asyncio.run(story())


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.parametrize("label", ["🔄", "V3"])
def test_rerolls_and_variations_are_new_grids(label: str) -> None:
    """With the buttons of a grid."""

    async def story() -> None:
        relay = new_relay()
        task = await finished(relay)
        other = await fetch(relay, (await press(relay, task, label))["result"])
        assert len(other["buttons"]) == 9
        assert (await get(relay, task["imageUrl"])).body != (await get(relay, other["imageUrl"])).body

    asyncio.run(story())


@pytest.mark.slow
@pytest.mark.drawn
def test_inpaint_waits_for_a_modal_with_a_mask() -> None:
    """Code 21, status MODAL, no progress by itself; the modal's white area is repainted, and it alone."""

    async def story() -> None:
        clock = Clock()
        relay = new_relay(latency=1, clock=clock)
        first = (await submit(relay, "imagine", prompt="a fox"))["result"]
        clock.now += 60
        upscale = (await press(relay, await fetch(relay, first), "U1"))["result"]
        clock.now += 60
        asked = await press(relay, await fetch(relay, upscale), "Vary (Region)")
        assert asked["code"] == 21
        clock.now += 600
        assert (await fetch(relay, asked["result"]))["status"] == "MODAL"
        refused = await post(relay, "/mj/submit/modal", taskId=asked["result"], prompt="a cat")
        assert refused.status == 400
        mask = opened(png((1024, 1024), "black", "L"))
        mask.paste(255, (0, 0, 512, 600))
        path = uri(_file(mask))
        assert (await submit(relay, "modal", taskId=asked["result"], prompt="a cat", maskBase64=path))["code"] == 1
        clock.now += 60
        task = await fetch(relay, asked["result"])
        assert (task["status"], task["prompt"]) == ("SUCCESS", "a cat")
        old = opened((await get(relay, f"/mj/image/{upscale}")).body).resize((512, 512))
        new = opened((await get(relay, task["imageUrl"])).body).crop((0, 0, 512, 512))
        assert likeness(old.crop((300, 60, 500, 420)), new.crop((300, 60, 500, 420))) <= 6
        assert likeness(old.crop((10, 10, 240, 280)), new.crop((10, 10, 240, 280))) > 6

    asyncio.run(story())


def _file(picture: Image.Image) -> bytes:
    import io

    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def test_custom_zoom_needs_a_modal_without_mask() -> None:
    """Its prompt may carry the zoom."""

    async def story() -> None:
        relay = new_relay()
        upscaled = await fetch(relay, (await press(relay, await finished(relay), "U4"))["result"])
        asked = await press(relay, upscaled, "Custom Zoom")
        assert asked["code"] == 21
        await submit(relay, "modal", taskId=asked["result"], prompt="a fox --zoom 1.6")
        assert (await fetch(relay, asked["result"]))["status"] == "SUCCESS"

    asyncio.run(story())


def test_a_hidden_modal_looks_accepted() -> None:
    """Remix mode on new-api: only the fetched task tells."""

    async def story() -> None:
        relay = new_relay()
        asked = await submit(relay, "imagine", prompt="a fox", demo={"fault": "modal"})
        assert asked["code"] == 1
        assert (await fetch(relay, asked["result"]))["status"] == "MODAL"
        await submit(relay, "modal", taskId=asked["result"])
        assert (await fetch(relay, asked["result"]))["status"] == "SUCCESS"

    asyncio.run(story())


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"prompt": "demo-banned fox"}, 24),
        ({"demo": {"code": 23}}, 23),
        ({"demo": {"code": 9}}, 9),
        ({"demo": {"code": 4}}, 4),
    ],
)
def test_a_refused_submit_is_http_200_with_a_code_and_not_billed(fields: dict[str, Any], code: int) -> None:
    """The banned word is named."""
    relay = new_relay()
    reply = asyncio.run(submit(relay, "imagine", **({"prompt": "fox"} | fields)))
    assert reply["code"] == code
    assert not relay.ledger[0].billed
    if code == 24:
        assert reply["properties"]["bannedWord"] == "demo-banned"


def test_a_queued_submit_is_accepted_and_a_saturated_group_is_429() -> None:
    """Code 22 has a task, code 30 has none."""
    relay = new_relay()
    queued = asyncio.run(submit(relay, "imagine", prompt="fox", demo={"code": 22}))
    assert (queued["code"], queued["properties"]["numberOfQueues"]) == (22, 1)
    assert asyncio.run(fetch(relay, queued["result"]))["status"] == "SUCCESS"
    assert asyncio.run(post(relay, "/mj/submit/imagine", prompt="fox", demo={"code": 30})).status == 429


def test_a_failed_task_says_why_and_is_not_billed() -> None:
    """Relays pay failed tasks back."""
    relay = new_relay()
    reply = asyncio.run(submit(relay, "imagine", prompt="fox", demo={"fault": "failure"}))
    task = asyncio.run(fetch(relay, reply["result"]))
    assert (task["status"], task["imageUrl"]) == ("FAILURE", "")
    assert task["failReason"]
    assert not relay.ledger[0].billed


@pytest.mark.parametrize(
    ("name", "fields", "description"),
    [
        ("imagine", {}, "prompt_is_required"),
        ("change", {"taskId": "1", "action": "UPSCALE", "index": 1}, "task_no_found"),
        ("action", {"taskId": "1"}, "custom_id_is_required"),
        ("modal", {}, "task_id_is_required"),
    ],
)
def test_errors_have_the_shape_of_the_relay_phase(name: str, fields: dict[str, Any], description: str) -> None:
    """400, with the trailing blank of the original."""
    answer = asyncio.run(post(new_relay(), f"/mj/submit/{name}", **fields))
    assert answer.status == 400
    assert answer.json == {"description": f"{description} ", "type": "upstream_error", "code": 4}


def test_follow_ups_need_a_finished_parent_and_a_button_of_its_own() -> None:
    """Others are refused in the documented words."""

    async def story() -> None:
        clock = Clock()
        relay = new_relay(latency=1, clock=clock)
        task_id = (await submit(relay, "imagine", prompt="a fox"))["result"]
        early = await submit(relay, "change", taskId=task_id, action="UPSCALE", index=1)
        assert early["description"] == "task_status_not_success "
        clock.now += 60
        strange = await submit(relay, "action", taskId=task_id, customId="MJ::JOB::upsample::1::other")
        assert strange["description"].startswith("unknown_action:")
        assert (await submit(relay, "change", taskId=task_id, action="REROLL"))["description"] == "index_is_required "
        assert (await submit(relay, "change", taskId=task_id, action="REROLL", index=1))["code"] == 1
        assert (await submit(relay, "change", taskId=task_id, action="DANCE", index=1))["error"][
            "code"
        ] == "model_not_found"

    asyncio.run(story())


def test_a_mode_may_stand_in_front_and_fetch_goes_without_it() -> None:
    """`/mj-fast/mj/…`."""

    async def story() -> None:
        relay = new_relay()
        task_id = (await post(relay, "/mj-fast/mj/submit/imagine", prompt="fox")).json["result"]
        assert (await fetch(relay, task_id))["status"] == "SUCCESS"
        assert (await get(relay, f"/mj-fast/mj/task/{task_id}/fetch")).json["id"] == task_id

    asyncio.run(story())


def test_many_tasks_are_fetched_at_once_and_unknown_ones_left_out() -> None:
    """An array, not an object."""

    async def story() -> None:
        relay = new_relay()
        ids = [(await submit(relay, "imagine", prompt=prompt))["result"] for prompt in ("fox", "cat")]
        tasks = (await post(relay, "/mj/task/list-by-condition", ids=[*ids, "404"])).json
        assert {task["id"] for task in tasks} == set(ids)

    asyncio.run(story())


def test_describe_shorten_blend_swap_and_seed_answer_as_documented() -> None:
    """Four keycaps, two headings, a grid, a picture, a number as text."""

    async def story() -> None:
        relay = new_relay()
        described = await fetch(relay, (await submit(relay, "describe", base64=uri(png())))["result"])
        assert described["properties"]["finalPrompt"].count("️⃣") == 4
        shortened = await fetch(relay, (await submit(relay, "shorten", prompt="a very long fox"))["result"])
        assert "## Shortened prompts" in shortened["properties"]["finalPrompt"]
        two = [uri(png()), uri(png(colour="red"))]
        blend = await fetch(relay, (await submit(relay, "blend", base64Array=two, dimensions="PORTRAIT"))["result"])
        grid = opened((await get(relay, blend["imageUrl"])).body)
        assert grid.height > grid.width
        swap = (await post(relay, "/mj/insight-face/swap", sourceBase64=two[0], targetBase64=two[1])).json["result"]
        assert opened((await get(relay, f"/mj/image/{swap}")).body).size == (256, 256)
        assert (await get(relay, f"/mj/task/{blend['id']}/image-seed")).json["result"].isdigit()

    asyncio.run(story())


@pytest.mark.parametrize("fault", ["dead_link", "html_link", "no_picture"])
def test_a_finished_task_may_have_a_bad_link_or_none(fault: str) -> None:
    """The link is wrong in the task, not in the gallery only."""

    async def story() -> None:
        relay = new_relay()
        reply = await submit(relay, "imagine", prompt="fox", demo={"fault": fault})
        task = await fetch(relay, reply["result"])
        if fault == "no_picture":
            assert task["imageUrl"] == ""
        else:
            assert (await get(relay, task["imageUrl"])).headers["content-type"] == "text/html"

    asyncio.run(story())
