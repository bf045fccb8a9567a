"""What commands and rehearsals say, as text."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from .._messages import ConfigError, InputError, Language, NowImageError, columns_of, error_of, say, say_status
from .._options import cell_text
from .._orders import Order, budget_line
from .._relay import spent
from .._services import request_again
from .._session import Session
from .._transport import normal_base_url, roots_of
from .._values import Generation, Money, Status

__all__ = [
    "address_of",
    "cell_of",
    "facts_of",
    "lines_to_go_on",
    "rehearsal_text",
    "require_ref",
    "status_text",
    "viewer",
]


def rehearsal_text(session: Session, order: Order) -> str:
    """Return what an order would send, what it would cost and what the history would serve, as text."""
    rehearsal, language = session.rehearse(order), session.settings().language
    lines: list[str] = []
    for call in rehearsal.calls:
        lines.append(f"{call.method} {call.url}")
        lines += [] if call.body is None else [json.dumps(call.body, ensure_ascii=False, indent=1)]
    lines.append(say("service: {service}", language, service=rehearsal.service))
    lines += rehearsal.notes
    lines.append(
        say(
            "expected price: {price} · nothing was sent",
            language,
            price="0 (demo)" if rehearsal.demo else rehearsal.price,
        )
    )
    if (balance := _balance_after(rehearsal.price, session)) is not None:
        lines.append(say("balance after it: {balance}", language, balance=balance))
    lines.append(" · ".join(rehearsal.decisions))
    return "\n".join(lines)


def _balance_after(price: Money, session: Session) -> Money | None:
    """Return what would be left after paying `price`; None where that cannot be told, as in the demo."""
    if price.amount is None:
        return None
    with suppress(NowImageError):
        left, _used = spent(session.balance(), session.settings())
        if left is not None and left.amount is not None:
            return replace(left, amount=max(Decimal(0), left.amount - price.amount))
    return None


def require_ref(text: str) -> str:
    if not text:
        raise InputError("a reference is missing", advice="give a number such as #12, -1 or a -o name")
    return text


def status_text(session: Session) -> str:
    """Return what a bare `%now` shows."""
    settings, context, language = session.settings(), session.context, session.settings().language
    key, address = context.key(), address_of(settings.base_url, language)
    demo = say("the built-in demo (no address and no key are set)", language)
    if key or settings.base_url:
        demo = say("the built-in demo (chosen)", language)
    model = settings.model or say("the relay's best known", language)
    store, unknown = context.home().store, sum(one.status is Status.UNKNOWN for one in session.history)
    folder = store.folder if store.is_own else say("{path} (looked at only)", language, path=store.folder)
    lines = (
        say("endpoint: {value}", language, value=demo if context.is_demo() else address),
        say("key: {value}", language, value=key.source if key else "–"),
        say("model: {value}", language, value=model),
        say("spent: {value}", language, value=_spent_line(session, language)),
        say("history: {count} in {path}", language, count=len(session.history), path=folder),
        say("under way: {count}, unsettled: {unknown}", language, count=len(session.jobs()), unknown=unknown),
    )
    return "\n".join(lines)


def address_of(text: str, language: Language) -> str:
    """Return an address as it will be called; of what is none, only why: it may hold a password or the key."""
    try:
        return roots_of(normal_base_url(text))[0] if text else "–"
    except ConfigError as problem:
        return f"*** ({problem.in_language(language).message()})"


def _spent_line(session: Session, language: Language) -> str:
    history = session.history
    line = " + ".join(str(one) for one in history.costs()) or str(history.cost())
    maybe = sum(one.billed == "maybe" and not one.demo for one in history)
    worth = " + ".join(str(one) for one in history.costs(billed="maybe")) or "?"
    unclear = say("{count} maybe: {worth}", language, count=maybe, worth=worth) if maybe else ""
    return " · ".join(part for part in (line, unclear, budget_line(session.budget(), language)) if part)


def cell_of(generation: Generation, session: Session) -> str:
    """Return the cell that makes a generation again, by the service and model that made it, of the same inputs."""
    request = request_again(generation.request, generation.model, generation.service)
    return cell_text(request, [(one.role, name) for one, name in session.history.inputs_of(request)])


def facts_of(generation: Generation, language: Language) -> list[str]:
    """Return the lines under the cell of a recalled picture: when and what came, and what went wrong."""
    made = generation.created.astimezone().strftime("%Y-%m-%d %H:%M")
    origin = say("from {history}", language, history=generation.taken_from) if generation.taken_from else ""
    status = say_status(generation.status, language)
    facts = [" · ".join(part for part in (generation.ref, status, made, origin) if part)]
    facts += [f"{one.ref} {one!r} {one.path}" for one in generation.outputs]
    facts += [say("preview only", language)] if any(one.stands_for for one in generation.outputs) else []
    facts += [f"↳ {picture.revised_prompt}" for picture in generation.pictures if picture.revised_prompt]
    if generation.error is not None:
        facts += error_of(generation.error, billed=generation.billed).in_language(language).lines()
    return facts


def lines_to_go_on(generation: Generation, language: Language) -> list[str]:
    """Return the lines to type that go on from a picture: what can be done, and how it is written."""
    ref = generation.ref.partition("–")[0]
    lines = [
        (say("again", language), f'nj.again("{ref}")'),
        (say("edit", language), f"%nowimage -i {ref} …"),
        (say("repaint", language), f"%nowimage -i {ref} --mask 100,100,400,400 …"),
        (say("paint a mask", language), f'mask = nj.mask("{ref}")'),
        (say("variation", language), f"%nowimage --vary {ref}"),
        *((say("button", language), f'%nowimage --button "{one.label}" -i {ref}') for one in generation.buttons),
        (say("cell", language), f"%now cell {ref}"),
        (say("family", language), f"%now tree {ref}"),
        (say("hand on", language), f"%now export pictures.zip {ref}"),
    ]
    width = max(columns_of(what) for what, _ in lines)
    return [f"{what}{' ' * (width - columns_of(what))}  {line}" for what, line in lines]


def viewer() -> list[str] | None:
    """Find the command that opens a file in the system's viewer; None on a machine without a screen."""
    if sys.platform == "darwin":
        return ["open"]
    if os.name == "nt":
        return ["explorer"]
    program = shutil.which("xdg-open")
    return [program] if program and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) else None
