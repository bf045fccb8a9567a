"""Midjourney as relays speak it: imagine, blend, describe, shorten, swap of faces, buttons and what they ask back.

A paid call gives a task, which is polled. A button's opaque word goes back as it came; where a relay keeps its buttons
to itself, those that every grid has are pressed by `change`. Nothing is confirmed unasked: a task that waits for the
user's word (MODAL, in whatever disguise) ends as pending, with a button. Facts: the protocol of midjourney-proxy and
what new-api makes of it: code 21 arrives as 1, `change` wants an index with every action, `simple-change` is broken,
links may name a wrong host, a task is refreshed every 15 s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from .._json import JSON, Fields, Texts, dig, text_of
from .._messages import (
    BadResponseError,
    InputError,
    RateLimitError,
    Refusal,
    RejectedError,
    TaskFailed,
    error_of_refusal,
    words_of,
)
from .._protocol import (
    Ask,
    Body,
    Button,
    Call,
    Charge,
    Checkpoint,
    Conversation,
    Crop,
    Fetch,
    File,
    Fit,
    Found,
    Input,
    Later,
    Link,
    Listed,
    Lost,
    Offer,
    Option,
    Origin,
    Outcome,
    Plan,
    Poll,
    Progress,
    Remark,
    Reply,
    Role,
    Service,
    Source,
)
from .._values import name_of_button
from ._finding import outputs_in
from ._mapping import file_of, raw_fields, require_prompt, settle
from ._tasks import standing_of

__all__ = ["Midjourney"]

_ACCEPTED = (1, 21, 22)
_ASKS, _FULL, _BANNED = 21, 23, 24
_REFUSALS = (3, 4, 5, 9, _FULL, _BANNED, 30)  # what was not accepted, and so is not charged
_DEAD = ("FAILURE", "CANCEL")
_FLAGS = {"size": "--ar", "negative": "--no", "seed": "--seed", "quality": "--q", "style": "--style"}
_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9")
_OPTIONS: Mapping[str, Option] = {
    **{name: Option() for name in _FLAGS},
    "n": Option(most=4),
    "size": Option(values=_RATIOS),
    "quality": Option(values=("0.25", "0.5", "1", "2")),
    "style": Option(values=("raw",)),
}
_MODES, _BOTS = ("fast", "relax", "turbo"), ("MID_JOURNEY", "NIJI_JOURNEY")
_RAW: Mapping[str, Option] = {
    "mode": Option(values=_MODES),
    "botType": Option(values=_BOTS),
    "image_seed": Option(),
    **dict.fromkeys(("state", "accountFilter", "notifyHook", "demo"), Option()),
}
_OURS = ("mode", "image_seed")  # among these, what is no field of the body
_PRESSED: Mapping[Role, int] = {"press": 1, "vary": 1}
_WORKS: Mapping[str, Mapping[Role, int]] = {
    "imagine": {"picture": 5, **_PRESSED},
    "blend": {"picture": 5, **_PRESSED},
    "describe": {"picture": 1, "press": 1},
    "shorten": {"press": 1},
    "swap_face": {"picture": 2},
}
_IS_OURS = re.compile(r"midjourney|niji|mj(?:[-_/]|$)|swap[-_]?face")
_QUARTERS = ((0.0, 0.0, 0.5, 0.5), (0.5, 0.0, 1.0, 0.5), (0.0, 0.5, 0.5, 1.0), (0.5, 0.5, 1.0, 1.0))
_KEYCAP = re.compile("[1-9]\ufe0f?\u20e3")
_SIMPLE = re.compile(r"\s*(\d{10,24})\s+([UV]\d|R)\s*", re.IGNORECASE)
_CHANGES = {"U": "UPSCALE", "V": "VARIATION", "R": "REROLL"}
_CHANGE = "change:"  # how the word of a button begins that the relay did not name
# What a button is listed as, by how its word begins.
_PRICES = (
    *(("MJ::JOB::upsample", "mj_upscale"), ("MJ::JOB::variation", "mj_variation"), ("MJ::JOB::reroll", "mj_reroll")),
    *(("MJ::JOB::low_variation", "mj_low_variation"), ("MJ::JOB::high_variation", "mj_high_variation")),
    *(("MJ::JOB::pan_", "mj_pan"), ("MJ::Outpaint", "mj_zoom"), ("MJ::Job::Pic", "mj_imagine")),
    *(("MJ::Job::Prompt", "mj_imagine"), ("change:UPSCALE", "mj_upscale"), ("change:VARIATION", "mj_variation")),
    ("change:REROLL", "mj_reroll"),
)
_ONE_PICTURE = ("mj_upscale", "mj_swap_face", "swap_face")
_ZOOMS, _REPAINTS = "MJ::CustomZoom", "MJ::Inpaint"
_ASKS_BACK = (_ZOOMS, _REPAINTS)
_VARIES = ("MJ::JOB::low_variation", "MJ::JOB::high_variation", "MJ::JOB::variation")
_ZOOM = re.compile(r"--zoom\s+(?:1(?:\.\d+)?|2(?:\.0+)?)(?![\d.])")
_OF_WORDS = ("MJ::Job::PicReader", "MJ::Job::PromptAnalyzer")
# Relays answer unknown_action; nor does the protocol's own proxy press "Imagine all".
_REFUSED = ("MJ::BOOKMARK", "MJ::JOB::animate", "MJ::JOB::video", "MJ::Picread", "MJ::Job::PicReader::all")
_CONFIRM = "modal"
_DIGITS, _DIGITS_OF_SEED = 4, 20


class Midjourney(Service):
    """All that relays relay of Midjourney; `midjourney`, `niji`, `mj_blend`, `mj_describe` … are its models."""

    name = "midjourney"
    batch = 50
    examples: Texts = ("midjourney",)

    def offer(self, listed: Listed) -> Offer | None:
        """Return what it does for a name that is Midjourney's; a button's price in a list is nothing to order."""
        work = _work_of(listed.bare)
        if work is None:
            return None
        makes: Literal["words", "picture"] = "words" if work in ("describe", "shorten") else "picture"
        return Offer(
            model=listed.name,
            fit=Fit.RESERVED,
            makes=makes,
            dialect=work,
            options=_OPTIONS if work == "imagine" else {"size": _OPTIONS["size"]} if work == "blend" else {},
            raw=_RAW,
            inputs=_WORKS[work],
            prompt="needed" if work in ("imagine", "shorten") else "none",
        )

    def plan(self, ask: Ask) -> Plan:
        """Return the submission of a task, or the press of a button."""
        raw_fields(ask)  # refuses what would pass by the prompt
        if pressed := ask.request.given("press"):
            return _with_what_is_left_out(ask, _press(ask, _origin_of(pressed[0])))
        varied = ask.request.given("vary")
        if varied and varied[0].origin and not ask.request.prompt.strip():
            made = _press(ask, varied[0].origin, label=_label_to_vary(varied[0].origin))
            return _with_what_is_left_out(ask, made)
        if (simple := _SIMPLE.fullmatch(ask.request.prompt)) and ask.offer.dialect == "imagine":
            return _change(ask, simple[1], _change_word(_known_button(simple[2].upper())))
        return _submit(ask)

    def prepare(self, plan: Plan) -> Conversation[Fields]:
        """Press the button, free, which gives the task that its answer goes to."""
        return {"taskId": _task_in((yield from Fetch(plan.before[0])))} if plan.before else {}

    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        """Keep the task's id before anything else, then follow it."""
        state = {**memo, "task": _task_in(reply)}
        if _number_in(dig(reply.body, "code")) == _ASKS and not dig(reply.body, "properties", "status"):
            state["asks"] = True  # with a status it says that the same task is there already
        yield from Checkpoint(state=state)
        return (yield from self.resume(state))

    def resume(self, state: Fields) -> Conversation[Outcome]:
        """Follow a task to its end, or to where it waits for the user."""
        task = text_of(state.get("task"))
        while True:
            known = yield from Poll(task)
            status = text_of(known.get("status")).upper()
            if status == "MODAL" or (status == "NOT_START" and state.get("asks")):
                yield from Checkpoint(state=state, billed="maybe")  # until it is confirmed
                return Outcome(needs=_need_of(known), buttons=(_button("confirm", _CONFIRM),))
            if status == "SUCCESS" or status in _DEAD:
                return (yield from _deliver(known, state, is_dead=status in _DEAD))
            if "status" not in known and standing_of(known) == "done":  # a relay with answers of its own make
                return (yield from _deliver_foreign(known))
            link = text_of(known.get("imageUrl"))
            yield from Progress(
                fraction=_fraction_of(known.get("progress")), preview=_sources_of(link, task)[0] if link else None
            )

    def poll(self, tasks: Texts) -> Conversation[Fields]:
        """Ask for one task, or for several at once."""
        known = (yield from _fetch_listed(tasks)) if len(tasks) > 1 else {}
        for task in tasks:
            if task not in known:
                known |= yield from _fetch_task(task)
        return known


def _fetch_listed(tasks: Texts) -> Conversation[dict[str, Fields]]:
    """Return what one question says of many tasks; a relay may not have it, or leave some out."""
    call = Call(path="/mj/task/list-by-condition", base="host", json={"ids": list(tasks)})
    try:
        reply = yield from Fetch(call)
    except (RejectedError, BadResponseError):
        return {}
    found = next((one for one in (reply.body, *_inside(reply.body)) if isinstance(one, list)), [])
    return {text_of(one.get("id")): one for one in found if isinstance(one, Mapping) and "status" in one}


def _fetch_task(task: str) -> Conversation[dict[str, Fields]]:
    """Return what the relay says of a task; nothing where it does not know it."""
    try:
        reply = yield from Fetch(Call(path="/mj/task/{}/fetch", ids=(task,), method="GET", base="host"))
    except RejectedError:  # task_no_found
        return {}
    for one in (reply.body, *_inside(reply.body)):
        if isinstance(one, Mapping) and "status" in one:
            return {task: one}
    body = reply.body if isinstance(reply.body, Mapping) else {}
    return {task: body} if standing_of(body) != "open" else {}


def _inside(body: JSON) -> tuple[JSON, ...]:
    """Return what an answer may wrap."""
    return dig(body, "data"), dig(body, "result")


def _work_of(name: str) -> str | None:
    if not _IS_OURS.match(name):
        return None
    bare = name.replace("-", "_")
    if found := next((work for work in ("blend", "describe", "shorten", "swap_face") if work in bare), None):
        return found
    others = ("upscale", "variation", "reroll", "zoom", "pan", "modal", "inpaint", "upload", "video", "edits", "action")
    return None if any(word in bare for word in others) else "imagine"


# Submitting


def _submit(ask: Ask) -> Plan:
    settled, remarks = settle(ask)
    raw = ask.request.raw
    work, pictures = ask.offer.dialect, [file_of(one, "data-uri") for one in ask.request.given("picture", "vary")]
    bodies: dict[str, dict[str, Body]] = {
        "imagine": {"prompt": _prompt_of(ask, settled), **({"base64Array": pictures} if pictures else {})},
        "blend": {"base64Array": pictures, "dimensions": _dimensions_of(text_of(settled.get("size")))},
        "describe": {"base64": next(iter(pictures), None)},
        "shorten": {"prompt": ask.request.prompt},
        "swap_face": dict(zip(("sourceBase64", "targetBase64"), pictures, strict=False)),
    }
    _require_pictures(work, len(pictures))
    path = "/mj/insight-face/swap" if work == "swap_face" else f"/mj/submit/{work}"
    name = work if work == "swap_face" else f"mj_{work}"
    bot = {"botType": "NIJI_JOURNEY"} if "niji" in ask.offer.model.lower() and "botType" not in raw else {}
    return Plan(
        call=_call(path, {**bodies[work], **bot, **_fields_in(raw)}, mode=_mode_of(ask)),
        charge=Charge(name=name),
        expected=4 if work in ("imagine", "blend", "describe") else 1,
        remarks=tuple(remarks),
        memo={"action": name, **({"image_seed": True} if raw.get("image_seed") else {})},
    )


def _fields_in(raw: Fields) -> dict[str, JSON]:
    return {name: value for name, value in raw.items() if name not in _OURS}


def _call(path: str, body: Mapping[str, Body], *, mode: str = "") -> Call:
    return Call(path=f"/mj-{mode}{path}" if mode else path, base="host", json=body)


def _mode_of(ask: Ask) -> str:
    """Return fast, relax or turbo, as `-p mode=` or the model's name says; empty: as the relay has it."""
    given = text_of(ask.request.raw.get("mode")) or next((one for one in _MODES if one in ask.offer.model.lower()), "")
    if given and not re.fullmatch(r"[a-z]{1,20}", given):
        raise InputError("{value} is no mode", advice="give fast, relax or turbo", value=given)
    return given


def _prompt_of(ask: Ask, settled: Fields) -> str:
    """Return the prompt with the options as flags at its end; a flag that the prompt has itself stays alone."""
    prompt = require_prompt(ask) if ask.offer.dialect == "imagine" else ask.request.prompt
    flags = [
        f"{_FLAGS[name]} {value}"
        for name, value in settled.items()
        if name in _FLAGS and not re.search(rf"(?<!\S){_FLAGS[name]}\b", prompt)
    ]
    return " ".join([prompt, *flags])


def _dimensions_of(ratio: str) -> str:
    wide, _, high = (ratio or "1:1").partition(":")
    apart = int(wide) - int(high) if wide.isdecimal() and high.isdecimal() else 0
    return "LANDSCAPE" if apart > 0 else "PORTRAIT" if apart < 0 else "SQUARE"


def _require_pictures(work: str, count: int) -> None:
    least = {"blend": 2, "describe": 1, "swap_face": 2}.get(work, 0)
    if count < least:
        raise InputError(
            "a swap needs two pictures: first the face, then the picture that gets it"
            if work == "swap_face"
            else "{work} needs at least {least} pictures, and {count} are given",
            advice="give each with -i",
            work=work,
            least=least,
            count=count,
        )


# Buttons


def _origin_of(pressed: Input) -> Origin:
    if pressed.origin is None:
        raise InputError("only what Midjourney made at this relay has buttons", advice="give its number: -i #12")
    return pressed.origin


def _label_to_vary(origin: Origin) -> str:
    """Return which button makes another version: of a quarter its own, of a single picture the one that varies it."""
    quarter = f"V{dig(origin.handle, 'quarter') or 1}"
    singles = [one.label for one in origin.buttons if one.action.startswith(_VARIES)]
    return quarter if any(one.label == quarter for one in origin.buttons) or not singles else singles[0]


def _press(ask: Ask, origin: Origin, *, label: str = "") -> Plan:
    wanted = label or ask.request.button or ""
    button = next((one for one in origin.buttons if one.label.casefold() == wanted.casefold()), None)
    task = text_of(origin.state.get("task"))
    if button is None or not task:
        raise _no_button(wanted, [one.label for one in origin.buttons])
    if button.action.startswith(_REFUSED):
        raise InputError(
            "relays refuse the button {label}", advice="it works on Midjourney's own page only", label=button.label
        )
    if button.action == _CONFIRM:
        return _confirm(ask, origin, task)
    _require_nothing_beside(ask, button)
    if button.action.startswith(_OF_WORDS):
        return _imagine_words(ask, origin, button)
    if button.action.startswith(_CHANGE):
        return _change(ask, task, button.action)
    if button.action.startswith(_ASKS_BACK):
        return _answer_back(ask, origin, task, button)
    name = next((price for begins, price in _PRICES if button.action.startswith(begins)), "mj_action")
    return _pressed(ask, "action", {"taskId": task, "customId": button.action}, name)


def _no_button(label: str, known: Sequence[str]) -> InputError:
    return InputError(
        "there is no button {label}", advice="there are: {known}", label=label, known=", ".join(known) or "–"
    )


def _known_button(label: str) -> str:
    """Return a button that every grid has, by its short name; R is a reroll."""
    known = [*(one for one in _USUAL if one != "reroll"), "R"]
    if label in known:
        return label
    raise _no_button(label, known)


def _with_what_is_left_out(ask: Ask, plan: Plan) -> Plan:
    """Return the plan of a button with what there is to say of options: it takes none."""
    _, remarks = settle(replace(ask, offer=replace(ask.offer, options={})))
    if ask.request.count > 1 and plan.expected == 1:
        remarks.append(Remark(option="n", kind="ignored", given=ask.request.count))
    return replace(plan, remarks=tuple(remarks))


def _require_nothing_beside(ask: Ask, button: Button) -> None:
    """Refuse words and masks that a button has no place for."""
    if ask.request.given("mask") and not button.action.startswith("MJ::Inpaint"):
        raise InputError("the button {label} takes no mask", advice="leave --mask out", label=button.label)
    if ask.request.prompt.strip() and not button.action.startswith(_ASKS_BACK):
        raise InputError("the button {label} takes no words", advice="leave the prompt out", label=button.label)


def _pressed(  # noqa: PLR0913 - what is sent, and what it counts as
    ask: Ask,
    submit: str,
    body: Mapping[str, Body],
    name: str,
    *,
    before: tuple[Call, ...] = (),
    charge: str = "",
    mode: str = "",
) -> Plan:
    mode = _mode_of(ask) or mode
    return Plan(
        call=_call(f"/mj/submit/{submit}", {**body, **_fields_in(ask.request.raw)}, mode=mode),
        before=before,
        charge=Charge(name=charge or name),
        expected=1 if name in _ONE_PICTURE else 4,
        memo={"action": name, **({"mode": mode} if mode else {})},
    )


def _confirm(ask: Ask, origin: Origin, task: str) -> Plan:
    """Return the answer to a task that waits: with the prompt as it was, or a new one, and the mask that is given."""
    body: dict[str, Body] = {"taskId": task, "prompt": ask.request.prompt or origin.prompt, **_mask_in(ask)}
    name, mode = text_of(origin.state.get("action")) or _CONFIRM, text_of(origin.state.get("mode"))
    return _pressed(ask, "modal", body, name, charge="mj_modal", mode=mode)


def _answer_back(ask: Ask, origin: Origin, task: str, button: Button) -> Plan:
    """Return the two calls of a button that asks back: the press, free, then what it asks for, which is paid."""
    mask, prompt = _mask_in(ask), ask.request.prompt
    is_zoom = button.action.startswith(_ZOOMS)
    if not is_zoom and not mask:
        raise InputError(
            "{label} needs a mask: where to repaint",
            advice="give it with --mask, a picture or a box",
            label=button.label,
        )
    if is_zoom and not _ZOOM.search(prompt):
        raise InputError(
            "{label} needs --zoom in the prompt, 1 to 2", advice="write for example: --zoom 1.5", label=button.label
        )
    if is_zoom and not prompt.partition("--")[0].strip():  # nothing but the flag: the picture's own words go before it
        prompt = f"{origin.prompt} {prompt.strip()}"
    if not is_zoom:  # repainted by the picture's own words, where there are no others
        prompt = prompt if prompt.strip() else origin.prompt
    press = _call("/mj/submit/action", {"taskId": task, "customId": button.action}, mode=_mode_of(ask))
    body: dict[str, Body] = {"taskId": Later("taskId"), "prompt": prompt, **mask}
    name = "mj_custom_zoom" if is_zoom else "mj_inpaint"
    return _pressed(ask, "modal", body, name, before=(press,), charge="mj_modal")


def _mask_in(ask: Ask) -> dict[str, Body]:
    masks = ask.request.given("mask")
    return {"maskBase64": File(sha256=masks[0].sha256, form="data-uri", convert="mask-white")} if masks else {}


def _imagine_words(ask: Ask, origin: Origin, button: Button) -> Plan:
    """Return a new task of the words that a button stands for: relays do not know these buttons themselves."""
    found = re.search(r"[1-9]", button.label + button.action.rpartition("::")[2])
    place = int(found[0]) if found else 0
    if not 0 < place <= len(origin.words):
        raise _no_button(button.label, [str(number) for number in range(1, len(origin.words) + 1)])
    return _pressed(ask, "imagine", {"prompt": origin.words[place - 1]}, "mj_imagine")


def _change_word(label: str) -> str:
    letter, index = label[0].upper(), label[1:] or "1"  # new-api wants an index for a reroll, too
    return f"{_CHANGE}{_CHANGES[letter]}:{index}"


def _change(ask: Ask, task: str, word: str) -> Plan:
    _, action, index = word.split(":")
    return _pressed(ask, "change", {"taskId": task, "action": action, "index": int(index)}, f"mj_{action.lower()}")


# Answers


def _task_in(reply: Reply) -> str:
    """Return the id of the task that was accepted.

    Raises:
        NowImageError: none was, and nothing was billed; says why.
    """
    code, result = _number_in(dig(reply.body, "code")), dig(reply.body, "result")
    task = text_of(result) or text_of(dig(result, 0))
    if code in _ACCEPTED and task:
        return task
    words = words_of(reply.body) or "?"
    if code == _FULL:
        raise RateLimitError("the queue is full: {words}", words=words, code="23")
    if code == _BANNED:
        word = text_of(dig(reply.body, "properties", "bannedWord"))
        raise RejectedError("Midjourney refuses a word of the prompt: {word}", word=word or words, code="24")
    if code in _REFUSALS:
        refusal = error_of_refusal(Refusal(body=reply.body))
        refusal.billed = "no"
        raise refusal
    raise BadResponseError("the service gave no task", advice="look at the relay's log before ordering again")


def _number_in(code: object) -> int | None:
    """Return a code, which some relays write as text or 1.0; what was accepted must not be missed."""
    text = text_of(int(code) if isinstance(code, float) else code)
    return int(text) if text.isascii() and text.removeprefix("-").isdigit() and len(text) < _DIGITS else None


def _need_of(task: Fields) -> str:
    return _description_of(task) or "modal"


def _description_of(task: Fields) -> str:
    """Return what a task says of itself, unless that is the word of its submission."""
    words = words_of(task)
    return "" if "success" in words.lower() else words


def _fraction_of(progress: object) -> float | None:
    """Return how far it is, of `"37%"`; what else stands there says nothing."""
    digits = text_of(progress).removesuffix("%").strip()
    return min(int(digits), 100) / 100 if digits.isascii() and digits.isdigit() and len(digits) < _DIGITS else None


def _sources_of(link: str, task: str) -> tuple[Source, ...]:
    """Return where a picture is: what relays proxy is asked for at the address in use, as theirs may be a wrong one."""
    here = Call(path="/mj/image/{}", ids=(task,), method="GET", base="host", headers={}, expects="file")
    return (here, Link(link)) if f"/mj/image/{task}" in link else (Link(link), here)


def _deliver(task: Fields, state: Fields, *, is_dead: bool) -> Conversation[Outcome]:
    action, words = text_of(state.get("action")), _words_of(task)
    reason = text_of(task.get("failReason")) or _description_of(task) or "?"
    is_of_words = action in ("mj_describe", "mj_shorten")  # the picture of such a task is the one that was given
    if is_of_words and not is_dead:
        return (yield from _deliver_words(words, task))
    link = text_of(task.get("imageUrl"))
    if is_dead and (is_of_words or not link):
        raise TaskFailed("the task failed: {reason}", reason=reason)
    buttons = _buttons_of(task)
    is_grid = any(one.label == "U1" for one in buttons) or (not buttons and action not in _ONE_PICTURE and not is_dead)
    about: dict[str, JSON] = {"revised_prompt": words}
    if state.get("image_seed"):
        about["seed"] = yield from _fetch_seed(text_of(state.get("task")))
    sources = _sources_of(link, text_of(state.get("task")))
    yield from Found(key="grid" if is_grid else "1", sources=sources, is_side=is_grid, about=about)
    singles = _links_in(task.get("imageUrls")) if is_grid else []
    for number, box in enumerate(_QUARTERS if is_grid else (), 1):
        marks: dict[str, JSON] = {**about, "crop": number}
        own = (Link(singles[number - 1]),) if len(singles) == len(_QUARTERS) else ()
        found = (*own, Crop("grid", box))
        yield from Found(key=str(number), sources=found, about=marks, handle={"quarter": number})
    if is_dead:
        yield from Lost(reason)
    if is_grid and not buttons:
        buttons = tuple(Button(label=one, action=_change_word(one[0] if one == "reroll" else one)) for one in _USUAL)
    return Outcome(expected=4 if is_grid else 1, buttons=buttons)


def _links_in(items: object) -> list[str]:
    """Return the links of the single pictures, which some relays have beside the grid."""
    given = items if isinstance(items, list) else []
    return [link for one in given if (link := text_of(dig(one, "url")) or text_of(one)).startswith("http")]


def _deliver_foreign(task: Fields) -> Conversation[Outcome]:
    count = 0
    for one in outputs_in(task):
        count += isinstance(one, Found)
        yield one
    return Outcome(expected=count, buttons=_buttons_of(task))


_USUAL = ("U1", "U2", "U3", "U4", "reroll", "V1", "V2", "V3", "V4")


def _deliver_words(words: str, task: Fields) -> Conversation[Outcome]:
    """Yield each of the numbered texts of a description; all of it where it has none."""
    parts = [one.strip() for one in _KEYCAP.split(words)[1:]] or [words.strip()]
    for number, one in enumerate(parts, 1):
        if one:
            yield from Found(key=str(number), kind="words", words=one)
    return Outcome(expected=len(parts), buttons=_buttons_of(task) or _numbers(len(parts)))


def _numbers(count: int) -> tuple[Button, ...]:
    return tuple(Button(label=str(one), action=f"MJ::Job::PicReader::{one}") for one in range(1, count + 1))


def _words_of(task: Fields) -> str:
    final = text_of(dig(task, "properties", "finalPrompt")) or text_of(dig(task, "properties", "finalZhPrompt"))
    return final or text_of(task.get("promptEn")) or text_of(task.get("prompt"))


def _buttons_of(task: Fields) -> tuple[Button, ...]:
    given = task.get("buttons")
    items: Sequence[Any] = given if isinstance(given, list) else ()
    read = (_read_button(one) for one in items if isinstance(one, Mapping))
    return tuple(one for one in read if one.label and one.action)


def _read_button(one: Mapping[str, Any]) -> Button:
    label = text_of(one.get("label")) or text_of(one.get("emoji"))
    return _button(name_of_button(label), text_of(one.get("customId")))


def _button(label: str, action: str) -> Button:
    """Return a button that says what it will ask back for, which Midjourney tells by nothing but its word."""
    asks: Literal["", "mask", "words"] = ""
    if action == _CONFIRM or action.startswith(_ZOOMS):
        asks = "words"
    elif action.startswith(_REPAINTS):
        asks = "mask"
    words = "--zoom 1.5" if action.startswith(_ZOOMS) else ""
    return Button(label=label, action=action, asks=asks, words=words, is_refused=action.startswith(_REFUSED))


def _fetch_seed(task: str) -> Conversation[int | None]:
    """Return the seed of a task; None where the relay does not tell."""
    try:
        reply = yield from Fetch(Call(path="/mj/task/{}/image-seed", ids=(task,), method="GET", base="host"))
    except (RejectedError, BadResponseError, RateLimitError):
        return None
    seed = text_of(dig(reply.body, "result"))
    return int(seed) if seed.isascii() and seed.isdigit() and len(seed) < _DIGITS_OF_SEED else None
