"""A service that answers with the bytes of a sound or of a drawing, or with words."""

from __future__ import annotations

from now_jupyter.services import (
    Ask,
    BadResponseError,
    Call,
    Charge,
    Conversation,
    Fields,
    Fit,
    Found,
    Listed,
    Offer,
    Option,
    Outcome,
    Plan,
    Reply,
    Service,
    Whole,
    fields,
    raw_fields,
    require_prompt,
)

__all__ = ["Organ"]


class Organ(Service):
    """What is asked for, as the answer itself; what it says beside it comes as words."""

    name = "organ"
    examples = ("organ-1",)

    def offer(self, listed: Listed) -> Offer | None:
        """Its models are told by their name."""
        if not listed.bare.startswith("organ"):
            return None
        makes = "picture" if listed.bare == "organ-draws" else "audio"
        return Offer(
            model=listed.name, fit=Fit.RESERVED, makes=makes, options={"format": Option(values=("mp3", "wav"))}
        )

    def plan(self, ask: Ask) -> Plan:
        """One call that answers with the file itself."""
        sent, remarks = fields(ask)
        own = {"model": ask.offer.model, "input": require_prompt(ask)}
        body = {**own, **sent, **raw_fields(ask, own=tuple(own))}
        return Plan(
            call=Call(path="/organ/play", json=body, expects="file"),
            charge=Charge(name=ask.offer.model),
            remarks=tuple(remarks),
            memo={"words": ask.request.prompt},
        )

    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        """Take the answer as it is, and the words that it is about."""
        if not reply.is_file:
            raise BadResponseError("the answer is neither a sound nor words")
        if reply.media_type.startswith("text/"):
            yield from Found(key="words", kind="words", sources=(Whole(),))
            return Outcome()
        yield from Found(key="sound", kind="audio", sources=(Whole(),))
        if words := str(memo.get("words") or ""):
            yield from Found(key="words", kind="words", words=words, is_side=True)
        return Outcome()
