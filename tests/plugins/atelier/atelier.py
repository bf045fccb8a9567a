"""A service that works on tasks: a free ticket first, a form with pictures, a key in a header of its own, buttons.

    GET  /atelier/v2/ticket      → {"ticket": …}                      free, before the paid call
    POST /atelier/v2/jobs        form: ticket, model, prompt, pictures → {"job": {"id": …}}
    GET  /atelier/v2/jobs/{id}   → {"state": …, "pictures": […], "sheet": …, "buttons": […]}

`CONTRIBUTING.md` walks through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from now_jupyter.services import (
    Ask,
    BadResponseError,
    Button,
    Call,
    Charge,
    Checkpoint,
    Conversation,
    Fetch,
    Fields,
    File,
    Fit,
    Found,
    Later,
    Link,
    Listed,
    Offer,
    Option,
    Outcome,
    Plan,
    Poll,
    Progress,
    Reply,
    Service,
    TaskFailed,
    Texts,
    fields,
    raw_fields,
    require_prompt,
)

__all__ = ["Atelier"]

KEY = {"X-Atelier-Key": "{key}"}
SHAPES = Option(name="shape", values=("16:9", "9:16", "1:1"), spelled={"16:9": "wide", "9:16": "tall", "1:1": "square"})


class Atelier(Service):
    """Two pictures and the sheet they were cut from, made of two others."""

    name = "atelier"
    examples = ("atelier-2",)

    def offer(self, listed: Listed) -> Offer | None:
        """Its models are told by their name."""
        if not listed.bare.startswith("atelier"):
            return None
        return Offer(
            model=listed.name,
            fit=Fit.RESERVED,
            options={"size": SHAPES, "seed": Option()},
            raw={"grain": Option(values=("fine", "coarse"))},
            inputs={"picture": 2, "press": 1},
            prompt="optional",
        )

    def plan(self, ask: Ask) -> Plan:
        """A ticket, then the job."""
        sent, remarks = fields(ask)
        pressed = ask.request.given("press")
        form: list[tuple[str, str | File | Later]] = [("ticket", Later("ticket")), ("model", ask.offer.model)]
        if pressed and pressed[0].origin:
            form.append(("action", pressed[0].origin.buttons[0].action))
        else:
            form.append(("prompt", require_prompt(ask)))
        form += [(name, str(value)) for name, value in {**sent, **raw_fields(ask)}.items()]
        form += [("picture", File(sha256=one.sha256)) for one in ask.request.given("picture")]
        return Plan(
            before=(Call(path="/atelier/v2/ticket", method="GET", base="host", headers=KEY),),
            call=Call(path="/atelier/v2/jobs", base="host", headers=KEY, form=tuple(form)),
            charge=Charge(name=ask.offer.model),
            expected=2,
            remarks=tuple(remarks),
        )

    def prepare(self, plan: Plan) -> Conversation[Fields]:
        """Fetch the ticket."""
        reply = yield from Fetch(plan.before[0])
        return {"ticket": _text(reply.body, "ticket")}

    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        """Keep the job's id, then follow it."""
        job = reply.body.get("job") if isinstance(reply.body, Mapping) else None
        task = _text(job, "id")
        yield from Checkpoint(state={**memo, "task": task})
        return (yield from self._follow(task))

    def resume(self, state: Fields) -> Conversation[Outcome]:
        """Follow the job again."""
        return (yield from self._follow(_text(state, "task")))

    def poll(self, tasks: Texts) -> Conversation[Fields]:
        """Ask for one job."""
        reply = yield from Fetch(
            Call(path="/atelier/v2/jobs/{}", ids=tasks[:1], method="GET", base="host", headers=KEY)
        )
        return {tasks[0]: reply.body} if isinstance(reply.body, Mapping) else {}

    def _follow(self, task: str) -> Conversation[Outcome]:
        while True:
            known = yield from Poll(task)
            state = str(known.get("state", "")).lower()
            if state == "failed":
                raise TaskFailed("the task failed: {reason}", reason=str(known.get("why", "?")))
            if state == "finished":
                return (yield from self._take(known))
            yield from Progress(words=state)

    def _take(self, known: Fields) -> Conversation[Outcome]:
        for index, url in enumerate(_list(known, "pictures")):
            yield from Found(key=str(index), sources=(Link(str(url)),), handle=f"{known.get('id')}/{index}")
        if isinstance(sheet := known.get("sheet"), str):
            yield from Found(key="sheet", sources=(Link(sheet),), is_side=True)
        buttons = [one for one in _list(known, "buttons") if isinstance(one, Mapping) and {"label", "do"} <= set(one)]
        return Outcome(buttons=tuple(Button(label=str(one["label"]), action=str(one["do"])) for one in buttons))


def _text(form: Any, name: str) -> str:
    value = form.get(name) if isinstance(form, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise BadResponseError("the service gave no task")
    return str(value)  # ids beyond 2^53 are text from here on


def _list(form: Fields, name: str) -> list[Any]:
    value = form.get(name)
    return list(value) if isinstance(value, list | tuple) else []
