"""Midjourney and Ideogram at the demo relay: from imagine to zoom, with its defects, stopped and taken up again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageChops

from buying import until
from now_jupyter._display._display import caption_of
from now_jupyter._messages import InputError, MaybeBilledError, NowImageError, TaskNeedsAction, TaskStillPending
from now_jupyter._options import cell_text, parse_keywords
from now_jupyter._orders import order_of
from now_jupyter._runner import _polling
from now_jupyter._session import Session
from now_jupyter._values import Status
from relays import Served, new_session


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask sooner than a user's session does: what is asked, and how often, is what counts here."""
    monkeypatch.setattr(_polling, "_FIRST_PAUSE", 0.05)


def wish(**wishes: Any) -> dict[str, Any]:
    return {"params": {"demo": wishes}}


def asked(served: Served, since: int = 0) -> list[str]:
    """What was asked of Midjourney, ids left out."""
    mine = [one for one in served.relay.requests[since:] if "/mj" in one.path]
    return [f"{one.method} {re.sub(r'[0-9]{16}', 'ID', one.path)}" for one in mine]


@pytest.mark.slow
def test_from_imagine_to_zoom(session: Session, served: Served) -> None:
    """The grid comes along, its quarters are the pictures; each step is a child of the one before."""
    made = session.generate("a red fox in snow --ar 16:9 --v 6.1", model="midjourney")
    assert (made.status, made.service, len(made.pictures)) == (Status.DONE, "midjourney", 4)
    assert made.grid is not None
    assert (made.grid.ref, made.grid.width, made.pictures[3].ref) == ("#1.5", 2 * made.pictures[0].width, "#1.4")
    quarter = made.grid.pil().crop((made.pictures[1].width, 0, made.grid.width, made.pictures[1].height))
    assert ImageChops.difference(quarter.convert("RGB"), made.pictures[1].pil().convert("RGB")).getbbox() is None
    assert [one.label for one in made.buttons] == ["U1", "U2", "U3", "U4", "reroll", "V1", "V2", "V3", "V4"]

    large = session.press(made, "u2")
    assert (large.parents, large.request.button, len(large.pictures)) == ((made.id,), "U2", 1)
    assert "U2 · midjourney" in caption_of(large)
    assert large.pictures[0].alt == made.prompt
    assert "red-fox" in large.pictures[0].path.name

    region = session.press(large, "Vary (Region)", "a blue hat", mask=(100, 100, 500, 400))
    assert (region.parents, len(region.pictures)) == ((large.id,), 4)
    zoomed = session.press("#2", "custom zoom", "--zoom 1.5")
    assert zoomed.prompt == "--zoom 1.5"
    again = session.press("#1", "重绘")
    assert again.request.button == "reroll"
    assert [one.generation.ref for one in session.history.tree("#1").children] == ["#2", "#5"]
    posts = [one for one in asked(served) if one.startswith("POST")]
    assert posts == [
        "POST /mj/submit/imagine",
        *["POST /mj/submit/action"],
        *["POST /mj/submit/action", "POST /mj/submit/modal"],
        *["POST /mj/submit/action", "POST /mj/submit/modal"],
        "POST /mj/submit/action",
    ]


@pytest.mark.slow
def test_a_region_is_repainted_where_the_mask_says(session: Session) -> None:
    """White in the mask that goes out; what is outside stays as it was, as near as a service keeps it."""
    large = session.press(session.generate("a fox", model="midjourney"), "U1")
    box = (300, 300, 700, 700)
    region = session.press(large, "Vary (Region)", "a blue hat", mask=box)
    before = np.asarray(large.pictures[0].pil().convert("RGB").resize((region.pictures[0].width,) * 2)).astype(int)
    after = np.asarray(region.pictures[0].pil().convert("RGB")).astype(int)
    scale = region.pictures[0].width / large.pictures[0].width
    apart = np.abs(before - after).max(axis=2) > 60
    inside = np.zeros_like(apart)
    inside[tuple(slice(round(box[0] * scale), round(box[2] * scale)) for _ in range(2))] = True
    assert apart[inside].mean() > 5 * apart[~inside].mean()


def test_the_line_that_makes_it_again_says_what_it_was(session: Session) -> None:
    made = session.generate("a fox --ar 2:3", model="midjourney", params={"mode": "fast"}, n=4)
    assert cell_text(made.request) == '%%nowimage --model midjourney --n 4 --param mode="fast"\na fox --ar 2:3'
    again = session.again(made)
    assert len(again.pictures) == 4
    assert again.request.raw == {"mode": "fast"}


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (None, []),
        (1, ["--n 1 becomes 4: one request gives 4"]),
        (3, ["--n 3 becomes 4: one request gives 4"]),
        (4, []),
        (6, ["--n 6 becomes 8: one request gives 4", "2 × midjourney: one request each"]),
    ],
)
def test_how_many_come_of_a_grid_is_said(n: int | None, said: list[str], session: Session) -> None:
    """Before paying: what is a picture of another number than was typed."""
    rehearsal = session.rehearse(order_of(parse_keywords("a fox", {"model": "midjourney", "n": n})))
    assert sorted(one for one in rehearsal.notes if "one request" in one) == said


@pytest.mark.parametrize("model", ["mj_describe", "mj_blend", "ideogram_describe", "ideogram_upscale", "swap_face"])
def test_what_works_on_a_picture_asks_for_one(model: str, session: Session, served: Served) -> None:
    """And not for words, which it may not even take; other models do, as ever."""
    with pytest.raises(InputError, match=f"^{model} needs a picture") as caught:
        session.generate("", model=model)
    assert caught.value.next_step() == "give it with image="
    for other in ("midjourney", "mj_shorten", "dall-e-3", "nobody", None):
        with pytest.raises(InputError, match="there is no prompt"):
            session.generate(" ", model=other)
    assert (served.posts, len(session.history)) == (0, 0)


@pytest.mark.slow
def test_a_press_is_made_again_with_what_was_given_to_it(session: Session, served: Served) -> None:
    """At the same task, and not at the picture that has buttons last."""
    made = session.generate("a fox", model="midjourney")
    large = session.press(made, "U2")
    session.press(large, "Vary (Region)", "a hat", mask=(100, 100, 500, 400))
    session.generate("an owl", model="midjourney")
    again = session.again("#2")
    assert (again.request.button, again.parents) == ("U2", (made.id,))
    since = len(served.relay.requests)
    assert session.again("#3").parents == (large.id,)
    assert [one.path for one in served.relay.requests[since:] if one.method == "POST"] == [
        "/mj/submit/action",
        "/mj/submit/modal",
    ]
    assert b"maskBase64" in served.relay.requests[since + 1].body


def test_another_version_of_a_single_picture(session: Session, served: Served) -> None:
    """It has no V1: what it has for that is pressed."""
    large = session.press(session.generate("a fox", model="midjourney"), "U1")
    varied = session.vary(large)
    assert (len(varied.pictures), varied.parents) == (4, (large.id,))
    assert b"MJ::JOB::low_variation" in served.relay.requests[-1 - _fetches(served)].body


def _fetches(served: Served) -> int:
    """How many requests came after the last that submits."""
    submits = [at for at, one in enumerate(served.relay.requests) if "/submit/" in one.path]
    return len(served.relay.requests) - 1 - submits[-1]


def test_words_of_a_picture_are_new_prompts(session: Session) -> None:
    described = session.edit(session.generate("a fox", size="1024x1024"), "", model="mj_describe")
    assert described.text.count("a quiet picture") == 4
    assert described.status == "done"
    assert [one.label for one in described.buttons if not one.is_refused] == ["1", "2", "3", "4"]
    drawn = session.press(described, "2️⃣")
    assert len(drawn.pictures) == 4
    assert "bold flat shapes" in str(drawn.pictures[0].revised_prompt)
    short = session.generate("a very long prompt about many foxes", model="mj_shorten")
    assert short.text.startswith("a very long")


@pytest.mark.slow
def test_blend_swap_and_the_seed(session: Session) -> None:
    two = [session.generate(name, size="1024x1024") for name in ("a fox", "an owl")]
    blended = session.edit(two, "", model="mj_blend", size="16:9")
    assert blended.parents == (two[0].id, two[1].id)
    assert len(blended.pictures) == 4
    assert len(session.edit(two, "", model="swap_face").pictures) == 1
    seeded = session.generate("a hare", model="midjourney", params={"image_seed": True})
    assert seeded.pictures[0].seed is not None


# The relay's defects


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["wrong_host", "rewritten"])
def test_defects_of_relays_are_lived_with(fault: str, session: Session) -> None:
    """A wrong host in links; codes written over: also that of a button that asks back."""
    made = session.generate("a fox", model="midjourney", **wish(fault=fault))
    assert made.status == "done"
    large = session.press(made, "U1", **wish(fault=fault))
    assert large.status == "done"
    if fault == "rewritten":
        assert session.press(large, "Vary (Region)", "a hat", mask=(9, 9, 99, 99), **wish(fault=fault)).status == "done"


@pytest.mark.parametrize("code", [22, 23, 24, 30, 4, 9])
def test_every_code_of_a_submit_ends_as_it_should(code: int, session: Session, served: Served) -> None:
    if code == 22:
        assert session.generate("a fox", model="midjourney", **wish(code=code)).status == "done"
        return
    with pytest.raises(NowImageError) as caught:
        session.generate("a fox", model="midjourney", **wish(code=code))
    assert caught.value.billed == "no"
    assert served.count("/mj/submit/imagine") == (
        3 if code == 30 else 1
    )  # 429: nothing was made, and it is asked again
    assert session.history[-1].status == Status.FAILED


def test_what_waits_for_a_word_is_confirmed_or_left(session: Session, served: Served) -> None:
    """Remix mode: it looked accepted; nothing is confirmed unasked, and a press is an order of its own."""
    made = session.generate("a fox", model="midjourney")
    with pytest.raises(TaskNeedsAction, match="modal"):
        session.press(made, "V1", **wish(fault="modal"))
    waiting = session.history[-1]
    assert (waiting.status, waiting.billed, [one.label for one in waiting.buttons]) == ("pending", "maybe", ["confirm"])
    since = len(served.relay.requests)
    confirmed = session.press(waiting, "confirm", "an owl")
    assert (len(confirmed.pictures), confirmed.parents) == (4, (waiting.id,))
    assert asked(served, since)[0] == "POST /mj/submit/modal"
    since = len(served.relay.requests)
    assert session.resume() == []  # its task is followed by the confirmed one
    assert asked(served, since) == []
    assert session.history.find(waiting.ref)[0].error.message("en") == "you decided: #3 goes on with it"


def test_a_word_that_may_not_have_arrived_leaves_its_task_to_who_waited(session: Session, served: Served) -> None:
    """The answer to the confirmation broke off: only the waiting one knows the task, and collects what comes of it."""
    made = session.generate("a fox", model="midjourney")
    with pytest.raises(TaskNeedsAction):
        session.press(made, "V1", **wish(fault="modal"))
    with pytest.raises(MaybeBilledError):
        session.press("#2", "confirm", **wish(fault="reset"))
    assert session.history.record(3).state is None
    since = len(served.relay.requests)
    assert [len(one.pictures) for one in session.resume() if one.ref == "#2"] == [4]
    assert {one.split()[0] for one in asked(served, since)} == {"GET"}


def test_a_failed_task_says_why(session: Session) -> None:
    with pytest.raises(NowImageError, match="as asked"):
        session.generate("a fox", model="midjourney", **wish(fault="failure"))
    assert session.history[-1].status in (Status.FAILED, Status.UNKNOWN)


def test_unknown_buttons_and_other_nonsense_are_refused_before_anything_is_sent(
    session: Session, served: Served
) -> None:
    made = session.generate("a fox", model="midjourney")
    large = session.press(made, "U1")
    since = len(served.relay.requests)
    for label, why in (("U9", "no button U9"), ("❤️", "relays refuse"), ("Vary (Region)", "needs a mask")):
        with pytest.raises(InputError, match=why):
            session.press(large, label)
    for how, why in (
        (("U2", "words"), "takes no words"),
        (("Custom Zoom", "--zoom 5"), "1 to 2"),
        (("Custom Zoom", "--zoom 25"), "1 to 2"),
    ):
        with pytest.raises(InputError, match=why):
            session.press(made if how[0] == "U2" else large, *how)
    with pytest.raises(InputError, match="takes no mask"):
        session.press(made, "U1", mask=(1, 1, 9, 9))
    with pytest.raises(InputError, match=r"(?s)takes nothing as mask(?!.*(mj_imagine|mj_blend))"):
        session.edit(made, "a hat", model="midjourney", mask=(1, 1, 9, 9))
    with pytest.raises(InputError, match="mj_describe takes no words"):
        session.edit(made, "a hat", model="mj_describe")
    with pytest.raises(InputError, match="needs at least 2 pictures"):
        session.edit(made, "", model="mj_blend")
    with pytest.raises(InputError, match="first the face"):
        session.edit(made, "", model="swap_face")
    assert asked(served, since) == []


# Progress, together, and later


@pytest.mark.slow
def test_progress_and_unfinished_pictures_are_shown(session: Session) -> None:
    """As new-api refreshes now and then only, polling faster gains nothing; the states are followed all the same."""
    job = session.submit("a fox", model="midjourney", **wish(latency=3, refresh=0.5))
    until(lambda: job.progress is not None and job.progress.preview)
    assert job.progress is not None
    assert 0 < (job.progress.fraction or 0) < 1
    assert job.result(30).status == "done"


@pytest.mark.slow
def test_several_tasks_are_asked_for_at_once(session: Session, served: Served) -> None:
    jobs = [session.submit(f"a fox {number}", model="midjourney", **wish(latency=1)) for number in range(4)]
    for job in jobs:
        assert len(job.result(60).pictures) == 4
    assert "POST /mj/task/list-by-condition" in asked(served)
    assert len([one for one in asked(served) if "list-by" in one or "/fetch" in one]) < 40


def test_a_task_survives_its_kernel_and_is_only_polled(served: Served, tmp_path: Path) -> None:
    """What is left at the end of a session is collected by the next one: with GETs alone."""
    with new_session(tmp_path, served.url) as session:
        session.patience = 0.1
        job = session.submit("a fox", model="midjourney", **wish(latency=2))
        until(lambda: any(record.state for record in session.history.records()))
    with pytest.raises(TaskStillPending):
        job.result(5)
    since = len(served.relay.requests)
    with new_session(tmp_path, served.url) as session:
        (made,) = session.resume()
        assert (made.status, len(made.pictures), [one.label for one in made.buttons][:1]) == ("done", 4, ["U1"])
    assert {one.split()[0] for one in asked(served, since)} == {"GET"}


def test_a_relay_that_forgets_a_task_leaves_it_pending(served: Served, tmp_path: Path) -> None:
    with new_session(tmp_path, served.url) as session:
        session.patience = 0.1
        session.submit("a fox", model="midjourney", **wish(fault="forgotten"))
        until(lambda: any(record.state for record in session.history.records()))
    with new_session(tmp_path, served.url) as session:
        assert session.history[-1].status == Status.PENDING
        assert session.history[-1].billed == "yes"


# Ideogram


@pytest.mark.slow
def test_ideogram_in_all_its_forms(session: Session, served: Served) -> None:
    made = session.generate("a logo", model="ideogram_generate", size="16:9", n=2, seed=7)
    assert [one.seed for one in made.pictures] == [7, 8]
    assert made.pictures[0].width > made.pictures[0].height
    remixed = session.edit(made, "at night", model="ideogram_generate", params={"image_weight": 70})
    assert remixed.parents == (made.id,)
    upscaled = session.edit(remixed, "", model="ideogram_upscale")
    assert upscaled.pictures[0].width > remixed.pictures[0].width
    assert "quiet picture" in session.edit(made, "", model="ideogram_describe").text
    masked = session.edit("#1.1", "a hat", model="ideogram-v3", mask=(10, 10, 200, 200))
    before, after = made.pictures[0].pil().convert("RGB"), masked.pictures[0].pil().convert("RGB")
    assert ImageChops.difference(before, after).getbbox() == (10, 10, 200, 200)
    paths = [one.path for one in served.relay.requests if one.method == "POST"]
    assert paths == [
        *[f"/ideogram/{one}" for one in ("generate", "remix", "upscale", "describe")],
        "/ideogram/v1/ideogram-v3/edit",
    ]


def test_what_ideogram_blocks_is_told(session: Session) -> None:
    with pytest.raises(NowImageError, match="blocked as unsafe"):
        session.generate("demo-banned", model="ideogram_generate")
