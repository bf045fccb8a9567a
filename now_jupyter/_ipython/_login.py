"""`%now login`: ask for an address and a hidden key, look around with free questions, remember what was chosen."""

from __future__ import annotations

import getpass
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

import anyio

from .._messages import (
    AuthError,
    ConfigError,
    ConnectFailed,
    InputError,
    NowImageError,
    RejectedError,
    lines_of,
    say,
)
from .._options import read_amount
from .._relay import ListedModel, RelayStatus, find_api, in_currency, spent
from .._services import best_model
from .._session import Session
from .._settings import Key, Login
from .._transport import RelayAccess, connect, is_loopback, normal_base_url, roots_of
from .._values import Money

__all__ = ["LoginTalk", "address_in", "take_key"]

T = TypeVar("T")
_LINK = re.compile(r"https?://[^\s'\"\\]+|\{\{\s*BASE_URL\s*\}\}[^\s'\"\\]*")
_KEY_IN_CURL = re.compile(
    r"authorization\s*:\s*bearer\s+(?!\$|\{|<|your)([^\s'\"]{8,})|\b(sk-[A-Za-z0-9_-]{16,})", re.IGNORECASE
)
_SHOWN = 12
_TRIES = 3
_FORBIDDEN = 403
_STORES = {"": False, "keep": True, "保存": True}
_DOLLARS, _YUAN = ("$", "USD"), ("¥", "元", "CNY")
_NOTHING_ELSE = ("", "n", "no", "否", "不")
_MOST_PER_DOLLAR = 1_000_000


def take_key(pasted: list[str]) -> Key | None:
    """Take a key out of the one text in `pasted`, where there is one; stars are left in its place."""
    span = next((one.span(one.lastindex or 0) for one in _KEY_IN_CURL.finditer(pasted[0])), None)
    if span is None:
        return None
    typed = [pasted[0][slice(*span)]]  # no frame holds it any longer, should it be none
    pasted.append(f"{pasted[0][: span[0]]}***{pasted.pop(0)[span[1] :]}")
    with suppress(ConfigError):
        return Key(typed.pop(), source="login")
    return None


def address_in(text: str) -> str:
    """Find the address in what was pasted: an address, a full endpoint or a whole curl command.

    Raises:
        ConfigError: there is none.
    """
    found = _LINK.search(text)
    return normal_base_url(found.group(0) if found else text)


def _is_about_the_key(problem: NowImageError) -> bool:
    """Whether a relay refuses the key itself, and not only what was asked for with it."""
    return isinstance(problem, AuthError) and problem.status != _FORBIDDEN


class LoginTalk:
    """One conversation with the user; `clear` empties the cell's output. What cannot be meant is asked again, twice."""

    def __init__(  # noqa: PLR0913 - the ways to talk
        self,
        session: Session,
        *,
        ask: Callable[[str], str] = input,
        ask_hidden: Callable[[str], str] = getpass.getpass,
        tell: Callable[[str], None] = print,
        clear: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """Talk for a session."""
        self._session = session
        self._logins = session.context.logins
        self._language = session.settings().language
        self._ask = ask
        self._ask_hidden = ask_hidden
        self._tell = tell
        self._clear = clear
        self._sleep = sleep

    def run(self, name: str = "") -> str:
        """Hold the conversation, remember the login under `name` and return the sentence that says so.

        Without a name it is the login in use. Where only the key of a login is missing, only the key is asked for.
        """
        kept, is_stored = self._logins.find(name), True
        key = self._until_right(lambda: self._missing_key(kept)) if kept else None
        address, is_whole = kept.base_url if kept else "", key is not None
        if not is_whole:
            address, key = self._until_right(lambda: self._address(kept.base_url if kept else ""))
            is_stored = key is None or self._until_right(self._is_to_be_stored)
        keys = [key] if key else []
        key, models, status = self._until_right(lambda: self._enter(address, keys))
        login = kept if kept and address == kept.base_url else Login(name=name or "default", base_url=address)
        if not is_whole:
            login = replace(login, **self._money(status, login))
            login = replace(login, model=self._model(models, login.model))
        return self._remember(replace(login, has_key=key is not None), key, is_stored=is_stored)

    def _until_right(self, ask: Callable[[], T]) -> T:
        for _ in range(_TRIES - 1):
            try:
                return ask()
            except (InputError, ConfigError, AuthError) as problem:
                self._tell("\n".join(lines_of(problem.in_language(self._language))))
        return ask()

    def _remember(self, login: Login, key: Key | None, *, is_stored: bool) -> str:
        address, _ = roots_of(login.base_url)
        said = say("{name} is in use: {address}", self._language, name=login.name, address=address)
        if self._logins.remember(login, key, store=is_stored):
            return said
        if is_stored:
            return f"{said} · {say('no keyring was found: the key is kept for this kernel only', self._language)}"
        return f"{said} · {say('the key is kept for this kernel only', self._language)}"

    # Address and key

    def _missing_key(self, kept: Login) -> Key | None:
        """Ask for the key of a login that lacks it; None where it has one, or all is to be asked."""
        if not kept.has_key or self._logins.key(kept) is not None:
            return None
        question = say(
            "key for {address} (not shown; Enter to begin with the address): ", self._language, address=kept.base_url
        )
        typed = [self._ask_hidden(question)]
        return Key(typed.pop(), source="login") if typed[0].strip() else None

    def _address(self, kept: str) -> tuple[str, Key | None]:
        """Ask for the address, `kept` where nothing is typed; a key that was pasted along is taken out of the cell."""
        question = say(
            "address of the relay (Enter for {address}): " if kept else "address of the relay (or a whole curl): ",
            self._language,
            address=kept,
        )
        pasted = [self._ask(question)]
        key = take_key(pasted)
        if "***" in pasted[0]:
            self._clear()
            self._tell(
                say("a key was pasted; if this was saved meanwhile, make a new one at the relay", self._language)
            )
        return address_in(pasted[0].strip() or kept), key

    def _is_to_be_stored(self) -> bool:
        question = say('the pasted key: Enter uses it in this kernel only, "keep" stores it: ', self._language)
        answer = self._ask(question).strip()
        if answer not in _STORES:
            raise InputError("{value} is neither Enter nor keep", value=answer)
        return _STORES[answer]

    def _key(self, address: str) -> Key | None:
        typed = [self._ask_hidden(say("key (not shown): ", self._language))]
        if not typed[0].strip() and is_loopback(address):
            return None
        return Key(typed.pop(), source="login")  # no frame holds it any longer, should it be none

    # What the relay says

    def _enter(self, address: str, keys: list[Key]) -> tuple[Key | None, list[ListedModel], RelayStatus]:
        """Look around with the key in `keys`, else with one that is asked for."""
        key = keys.pop() if keys else self._key(address)
        access = connect(address, key, self._session.settings(), sleep=self._sleep)
        try:
            models = self._look_around(access)
            return key, models, self._session.ask(lambda: self._session.facts.status(access))
        finally:
            self._session.ask(access.aclose)

    def _look_around(self, access: RelayAccess) -> list[ListedModel]:
        """Show models and balance; a relay that tells neither is no obstacle, one that refuses the key is."""
        models = [one for one in self._list_models(access) if one.makes_pictures]
        settings = replace(self._session.settings(), currency="USD", rate=1.0)
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
        except NowImageError as problem:
            if _is_about_the_key(problem) or isinstance(problem, ConnectFailed):
                raise
            said = problem.in_language(self._language)  # a key may make pictures and not list models
            self._tell(" → ".join(part for part in (said.message(), said.next_step()) if part))
            if isinstance(problem, RejectedError) and (place := self._session.ask(lambda: find_api(access.client))):
                self._tell(
                    say("the relay's API answers at {address}: give that to %now login", self._language, address=place)
                )
            return []

    # What the user says

    def _money(self, status: RelayStatus, kept: Login) -> dict[str, Any]:
        """Ask what a relay dollar costs the user; nothing is converted unless they, or the relay itself, say so."""
        if (rate := status.rate) is None:
            return {}
        shown = Money(rate, "CNY") if status.currency == "CNY" else Money(Decimal(1), "USD")
        if kept.rate and kept.currency:
            shown = Money(Decimal(str(kept.rate)), kept.currency)
        amount = self._until_right(lambda: self._price_of_dollar(shown, rate))
        return {"currency": amount.currency, "rate": float(amount.amount or 1)}

    def _price_of_dollar(self, offered: Money, rate: Decimal) -> Money:
        question = say(
            "amounts are relay dollars; what does one cost you, such as {rate}? (Enter for {offered}): ",
            self._language,
            rate=Money(rate, "CNY"),
            offered=offered,
        )
        answer = self._ask(question).strip().upper()
        if not answer:
            return offered
        if answer in (*_DOLLARS, *_YUAN):
            return Money(Decimal(1), "USD") if answer in _DOLLARS else Money(rate, "CNY")
        amount = read_amount(answer)
        if not amount.currency or not amount.amount or amount.amount > _MOST_PER_DOLLAR:
            raise InputError("{value} is no price of a dollar", advice="give ¥7.2, or $ to keep dollars", value=answer)
        return amount

    def _model(self, models: list[ListedModel], kept: str | None) -> str | None:
        """Ask for the default model; one that the relay does not list is kept when it is typed a second time."""
        names = [one.name for one in models]
        offered = kept or best_model([one.listed for one in models]) or ""
        question = say("default model (Enter or n for {model}): ", self._language, model=offered or "–")
        refused = ""
        while True:
            typed = self._ask(question).strip()
            if typed.lower() in _NOTHING_ELSE:
                return offered or None
            if not names or typed in (offered, refused, *names):
                return typed
            refused = typed
            self._tell(
                say(
                    "{model} is not among the picture models of the relay; typed once more it is taken all the same",
                    self._language,
                    model=typed,
                )
            )
