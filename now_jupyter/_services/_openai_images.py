"""`/images/generations`, `/images/edits` and `/images/variations`: JSON, forms, streams, and tasks in their place."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from .._json import JSON, Fields, Texts
from .._messages import InputError
from .._protocol import (
    Ask,
    Call,
    Charge,
    Conversation,
    File,
    Fit,
    Input,
    Listed,
    Offer,
    Outcome,
    Plan,
    Reply,
    Service,
)
from ._decoder import read_pictures, require_output
from ._mapping import fields, file_of, form_of, pictures_in, require_prompt
from ._models import ANY, EXAMPLES, UNKNOWN, Family, family_of, is_of_another_kind, lives_elsewhere, looks_like_pictures
from ._sizes import size_like
from ._tasks import begin_task, follow_pictures, poll_task, task_in

__all__ = ["OpenAIImages"]

_GENERATIONS = "/images/generations"
_PUBLISHED = (_GENERATIONS, "/images/edits", "image-generation")
_DROPPED = ("negative", "seed")  # relays forward a closed list of fields
_MOST_PREVIEWS = 3
_SIZE_RATIOS = {"256x256": Decimal("0.4"), "512x512": Decimal("0.45"), "1792x1024": Decimal(2), "1024x1792": Decimal(2)}
_HD, _HD_WIDE = Decimal(2), Decimal("1.5")


class OpenAIImages(Service):
    """The images endpoints of OpenAI, which relays put before the models of most makers."""

    name = "openai-images"
    examples: Texts = EXAMPLES

    def offer(self, listed: Listed) -> Offer:
        """Return what is known of the model's family; others are worth a try, as a wrong one is free."""
        known = family_of(listed)
        return replace(known or UNKNOWN, model=listed.name, fit=_fit_of(listed, known))

    def plan(self, ask: Ask) -> Plan:
        """Return the call to one of the three endpoints, by what is given to it."""
        family = family_of(Listed(name=ask.offer.model)) or UNKNOWN
        sent, remarks = fields(ask, wire=ANY, dropped=_DROPPED)
        vary = ask.request.given("vary") if family.varies else ()
        prompt: dict[str, JSON] = {} if vary else {"prompt": require_prompt(ask)}
        body: dict[str, JSON] = {"model": ask.offer.model, **prompt, **_size_of_masked(ask, sent), **sent}
        if ask.n > 1:
            body["n"] = ask.n
        if ask.previews and family.streams and "stream" not in body:
            body |= {"stream": True, "partial_images": min(ask.previews, _MOST_PREVIEWS)}
        call = _variation(body, vary[0]) if vary else _call(ask, family, body)
        return Plan(
            call=replace(call, expects="events") if body.get("stream") is True else call,
            charge=Charge(name=ask.offer.model, times=ask.n * _ratio(ask.offer.model, body), unit="picture"),
            expected=ask.n,
            remarks=tuple(remarks),
            memo={"n": ask.n},
        )

    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        """Read pictures; where a task runs in their place, follow it."""
        count = memo.get("n")
        reading = yield from read_pictures(reply, expected=count if isinstance(count, int) else 1)
        if reading.count or reading.reason is not None or not task_in(reply.body):
            return require_output(reading, reply)
        return (yield from follow_pictures((yield from begin_task(reply, {}))))

    def resume(self, state: Fields) -> Conversation[Outcome]:
        """Follow the task that was given in place of pictures."""
        return (yield from follow_pictures(str(state.get("task", ""))))

    def poll(self, tasks: Texts) -> Conversation[Fields]:
        """Ask at the two addresses that relays have for such tasks."""
        return (yield from poll_task(tasks, "/images/tasks/{}", "/tasks/{}"))


def _fit_of(listed: Listed, known: Family | None) -> Fit:
    is_published = any(path.rstrip("/").endswith(_PUBLISHED) for path in listed.paths)
    if is_published and not lives_elsewhere(listed):
        return Fit.PUBLISHED
    if is_of_another_kind(listed):
        return Fit.ASKED
    if known is not None:
        return Fit.NAMED
    return Fit.LIKELY if looks_like_pictures(listed) else Fit.FALLBACK


def _ratio(model: str, body: Fields) -> Decimal:
    """Return how many times its list price one picture costs: dall-e's sizes and qualities, as relays count them."""
    if not Listed(name=model).bare.startswith("dall-e"):
        return Decimal(1)
    ratio = _SIZE_RATIOS.get(str(body.get("size")), Decimal(1))
    return ratio * (_HD_WIDE if ratio > 1 else _HD) if body.get("quality") == "hd" else ratio


def _call(ask: Ask, family: Family, body: dict[str, JSON]) -> Call:
    pictures, masks = pictures_in(ask.request), ask.request.given("mask")
    if not pictures:
        return Call(path=_GENERATIONS, json=body)
    if family.edits:
        return _edit(family, body, pictures, masks)
    links = [file_of(one, "data-uri") for one in pictures]
    return Call(path=_GENERATIONS, json={**body, "image": links[0] if len(links) == 1 else links})


def _size_of_masked(ask: Ask, sent: Fields) -> dict[str, JSON]:
    """Return the shape of a picture that is masked, where no size is given: the original is laid back around it."""
    pictures, option = pictures_in(ask.request), ask.offer.options.get("size")
    if not ask.request.given("mask") or not pictures or option is None or "size" in sent:
        return {}
    size = size_like(pictures[0].width, pictures[0].height, option)
    return {"size": size} if size else {}


def _edit(family: Family, body: dict[str, JSON], pictures: tuple[Input, ...], masks: tuple[Input, ...]) -> Call:
    for one in pictures:
        _require_fitting(one, family, str(body["model"]))
    name = "image" if len(pictures) == 1 else "image[]"
    files = [(name, file_of(one, only_png=family.only_png)) for one in pictures]
    files += [("mask", File(sha256=one.sha256, convert="mask-alpha")) for one in masks]
    return Call(path="/images/edits", form=form_of(body, *files))


def _require_fitting(picture: Input, family: Family, model: str) -> None:
    """Refuse before anything is paid what the model is known to refuse."""
    if family.most_bytes and picture.size_bytes > family.most_bytes:
        raise InputError(
            "a picture has {given} MB, and {model} takes at most {most}",
            advice="save it smaller first, as JPEG or WebP",
            given=f"{picture.size_bytes / 1e6:.1f}",
            model=model,
            most=family.most_bytes // 1_000_000,
        )
    if family.only_square and picture.width != picture.height:
        raise InputError(
            "{model} takes square pictures only, and this one is {width} × {height}",
            advice="cut it to a square, or name another model",
            model=model,
            width=picture.width,
            height=picture.height,
        )


def _variation(body: dict[str, JSON], source: Input) -> Call:
    _require_fitting(source, family_of(Listed(name=str(body["model"]))) or UNKNOWN, str(body["model"]))
    return Call(path="/images/variations", form=form_of(body, ("image", file_of(source, only_png=True))))
