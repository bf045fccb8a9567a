"""What a release kept of one order to one service, and how today's service is held to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from now_jupyter.services import Ask, Exchange, Fields, Listed, Reply, Request, Service, Texts, check


@dataclass(frozen=True, kw_only=True)
class Golden:
    """An order as a record of that release holds it, what the relay answered, and what was found in the answer.

    `fingerprint` is what makes a later order equal, `path` where the paid call went, `state` the last checkpoint,
    `before` and `answers` what free calls were answered.
    """

    service: str
    model: str
    request: Request
    fingerprint: str
    path: str
    reply: Reply
    keys: Texts
    memo: Fields
    state: Fields | None = None
    before: tuple[Reply, ...] = ()
    answers: tuple[Reply, ...] = ()


def goldens_in(folder: Path) -> Iterator[Golden]:
    """Yield what all releases left in a folder: one folder each."""
    for path in sorted(folder.glob("*/*.json")):
        yield msgspec.convert(json.loads(path.read_text("utf-8")), Golden)


def hold(service: Service, golden: Golden) -> None:
    """Plan the old request, read the old answer with its memo, and go on from the old checkpoint."""
    offer = service.offer(Listed(name=golden.model))
    assert offer is not None
    assert golden.request.fingerprint() == golden.fingerprint, "the fingerprint changed: old answers no longer serve"
    ask = Ask(request=golden.request, offer=offer, n=golden.request.count)
    assert service.plan(ask).call.path == golden.path, "the order goes elsewhere"
    exchange = Exchange(
        reply=golden.reply,
        answers=golden.answers,
        memo=golden.memo,
        states=() if golden.state is None else (golden.state,),
        keys=golden.keys,
    )
    check(service, [ask], [exchange], before=golden.before)
