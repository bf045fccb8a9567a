"""`%now login`: ask for an address and a hidden key, look around with free questions, remember what was chosen."""

from __future__ import annotations

import getpass
import re
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from .._messages import BadResponseError, ConfigError, InputError, NowImageError, RejectedError, say
from .._options import read_amount
from .._relay import ListedModel, in_currency, spent
from .._services import best_model
from .._session import Session
from .._settings import Key, Login
from .._transport import RelayAccess, connect, is_loopback, normal_base_url
from .._values import Money

__all__ = ["LoginTalk", "address_in"]

_LINK = re.compile(r"https?://[^\s'\"\\]+|\{\{\s*BASE_URL\s*\}\}[^\s'\"\\]*")
_KEY_IN_CURL = re.compile(
    r"authorization\s*:\s*bearer\s+(?!\$|\{|<|your)[^\s'\"]{8,}|\bsk-[A-Za-z0-9_-]{16,}", re.IGNORECASE
)
_SHOWN = 12


def address_in(text: str) -> str:
    """Find the address in what was pasted: an address, a full endpoint or a whole curl command.

    Raises:
        ConfigError: there is none, or a key was pasted along with it.
    """
    if _KEY_IN_CURL.search(text):
        raise ConfigError(
            "what was pasted holds a key, and notebooks keep what is typed",
            advice="paste it without the key, which is asked for hidden; if this was saved anywhere, make a new key",
        )
    found = _LINK.search(text)
    return normal_base_url(found.group(0) if found else text)


class LoginTalk:
    """One conversation with the user; `ask` and `ask_hidden` are the ways to ask."""

    def __init__(
        self,
        session: Session,
        *,
        ask: Callable[[str], str] = input,
        ask_hidden: Callable[[str], str] = getpass.getpass,
        tell: Callable[[str], None] = print,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """Talk for a session."""
        self._session = session
        self._language = session.settings().language
        self._ask = ask
        self._ask_hidden = ask_hidden
        self._tell = tell
        self._sleep = sleep

    def run(self, name: str) -> str:
        """Hold the conversation, remember the login under `name` and return the sentence that says so."""
        address = address_in(self._ask(say("address of the relay (or a whole curl without its key): ", self._language)))
        key = self._key(address)
        access = connect(address, key, self._session.settings(), sleep=self._sleep)
        try:
            models = self._look_around(access)
            money = self._money(access)
            login = Login(name=name, base_url=address, model=self._model(models), **money)
        finally:
            self._session.ask(access.aclose)
        said = say("{name} is in use: {address}", self._language, name=name, address=address)
        if self._session.context.logins.remember(login, key):
            return said
        return f"{said} · {say('no keyring was found: the key is kept for this kernel only', self._language)}"

    def _key(self, address: str) -> Key | None:
        typed = [self._ask_hidden(say("key (not shown): ", self._language))]
        if not typed[0].strip() and is_loopback(address):
            return None
        return Key(typed.pop(), source="login")  # no frame holds it any longer, should it be none

    def _look_around(self, access: RelayAccess) -> list[ListedModel]:
        """Show models and balance; a relay that tells neither is no obstacle, one that refuses the key is."""
        models = [one for one in self._list_models(access) if one.makes_pictures]
        settings = self._session.settings()
        for one in models[:_SHOWN]:
            price = "" if one.price is None or one.price.per_call is None else in_currency(one.price.per_call, settings)
            self._tell(f"  {one.name}  {price}".rstrip())
        try:
            left, _used = spent(self._session.ask(lambda: self._session.facts.balance(access)), settings)
            self._tell(say("left: {left}", self._language, left="∞" if left is None else left))
        except NowImageError as problem:
            self._tell(problem.in_language(self._language).message())
        return models

    def _list_models(self, access: RelayAccess) -> list[ListedModel]:
        try:
            return list(self._session.ask(lambda: self._session.facts.models(access)))
        except (BadResponseError, RejectedError) as problem:
            self._tell(problem.in_language(self._language).message())
            return []

    def _money(self, access: RelayAccess) -> dict[str, Any]:
        status = self._session.ask(lambda: self._session.facts.status(access))
        if status.rate is None:
            return {}
        question = say("one relay dollar costs (¥ for CNY, Enter for {rate}): ", self._language, rate=f"¥{status.rate}")
        answer = self._ask(question).strip()
        amount = read_amount(answer) if answer else Money(status.rate, "CNY")
        if not amount.amount:
            raise InputError(
                "{value} is not an amount of money", advice="give a number such as 10, ¥10 or $0.5", value=answer
            )
        return {"currency": "USD" if amount.currency == "USD" else "CNY", "rate": float(amount.amount)}

    def _model(self, models: list[ListedModel]) -> str | None:
        best = best_model([one.listed for one in models]) or ""
        question = say("default model (Enter for {model}): ", self._language, model=best or "–")
        return self._ask(question).strip() or best or None
