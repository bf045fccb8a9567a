"""The session: where settings, folder, relay, history and orders are put together, and the verbs that people use.

One belongs to each notebook (the module `now_jupyter` speaks for it); programs may make their own.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel

from .._background import Background, ask, may_ask, run_in_thread
from .._cells import Execution
from .._messages import ConfigError, InputError, NowImageError, StoreError
from .._options import read_amount, read_price
from .._orders import Job, Order, Orders, Rehearsal, Workspace
from .._protocol import Offer, Service
from .._relay import Balance, ListedModel, OwnPrice, RelayFacts, Trial, own_price, try_address
from .._runner import Runner, recover_all_rescued
from .._settings import Configuration, Environment, Key, Logins
from .._store import STAR, Home, Record, RescueFolder, Store, generation_of
from .._transport import RelayAccess, is_loopback
from .._values import Generation, Money, Output, Picture, Request, Status, together
from ._doctor import Report, examine
from ._inputs import Inputs, require_start
from ._making import Accompany, Making
from ._presets import Presets
from ._references import Reference, References

__all__ = ["Session"]

_PATIENCE_AT_EXIT = 10.0
_PATIENCE_FOR_RECORDS = 2.0
_WAITED_FOR = (Status.PENDING, Status.UNKNOWN)


class Session(Making):
    """Makes pictures, keeps their history, and knows which relay, folder and settings are in force."""

    def __init__(  # noqa: PLR0913 - the settings that callers may give, then what tests and the notebook inject
        self,
        *,
        folder: str | Path = "",
        base_url: str = "",
        api_key: str = "",
        environ: Mapping[str, str] | None = None,
        working: Path | None = None,
        names: Callable[[], Mapping[str, Any]] = dict,
        configured: Callable[[], Mapping[str, Any]] = dict,
        typed: Callable[[], Mapping[str, Any]] = dict,
        inherited: Mapping[str, Any] | None = None,
        execution: Callable[[], Execution | None] = lambda: None,
        logins: Logins | None = None,
        services: Sequence[Service] | None = None,
        background: Background | None = None,
    ) -> None:
        environ = Environment(os.environ if environ is None else environ)
        typed_key, api_key = [api_key], ""  # no frame holds it any longer, should it be none
        given = {"base_url": base_url, "folder": str(folder)}
        configuration = Configuration(
            given={name: value for name, value in given.items() if value},
            key=Key(typed_key.pop(), source="api_key") if typed_key[0] else None,
            environ=environ,
            inherited=inherited,
            configured=configured,
            typed=typed,
            logins=logins or Logins(),
        )
        self.context = Workspace(
            configuration=configuration, environ=environ, working=working or Path.cwd(), names=names
        )
        self.history = self.context.history
        self.kernel = uuid.uuid4().hex
        self.patience = _PATIENCE_AT_EXIT
        self.accompany: Accompany = lambda _job, _prompt, _way: nullcontext(lambda: None)
        """What surrounds the wait of `generate` and `agenerate`; it gives what is called now and then meanwhile."""
        self._execution = execution
        self._background = background or Background()
        self._background.at_close(self._farewell)
        self._rescue = RescueFolder()
        self._runners: dict[object, Runner] = {}
        self._jobs: dict[Job, None] = {}
        self.settings = self.context.settings
        self._references = References(self.history)
        self.remember_shown = self._references.remember
        self.presets = Presets(lambda: self.context.home().store)
        self._inputs = Inputs(self._references, self.history, fetch=self._fetch_input)
        self.facts = RelayFacts(settings=self.settings)
        self.known_models = self.facts.known_names
        self._orders = Orders(
            self.context, kernel=self.kernel, facts=self.facts, runner=self._runner_for, services=services
        )

    def _runner_for(self, access: RelayAccess, home: Home) -> Runner:
        mark = (access, home.store)
        if mark not in self._runners:
            self._runners[mark] = Runner(
                client=access.client, downloader=access.downloader, store=home.store, rescue=self._rescue
            )
        return self._runners[mark]

    def use_demo(self, on: bool | None = True, *, instant: bool = False) -> None:  # noqa: FBT001, FBT002 - as one says it
        """Have the demo answer (`on`), never (`False`), or only where nothing else is configured (`None`).

        `instant` takes out its waiting, for users' own tests.
        """
        self.context.use_demo(on=on, instant=instant)

    def rehearse(self, order: Order) -> Rehearsal:
        """Return exactly what an order would send and cost, without sending it."""
        return self._background.call(self._orders.rehearse, self._resolve(order))

    def find_offer(self, request: Request) -> Offer:
        """Return what is done for the model of a request, which need not be whole yet."""
        return self._background.call(self._orders.find_offer, request)

    def place(self, order: Order, *, asks: bool = False) -> Job:
        """Take an order and return its job.

        With `asks` whoever waits for it asks the user, where someone is there, before it costs more than they said.
        """
        try:
            resolved = self._resolve(order)
        except NowImageError as problem:
            problem.of_order()
            raise
        return self._start(self._orders.place, resolved, ask=ask if asks and may_ask() else None)

    def _resolve(self, order: Order) -> Order:
        if order.preset:
            applied = self.presets.apply(order, self.settings().language)
            resolved = self._resolve(applied)
            return replace(resolved, notes=tuple(dict.fromkeys((*applied.notes, *resolved.notes))))
        require_start(order)
        if not order.given and not order.parents and order.request.button is None:
            return order
        snapshot = self.context.snapshot()
        return self._inputs.resolve(order, relay=snapshot.relay, language=snapshot.settings.language)

    def _fetch_input(self, url: str) -> bytes:
        downloader = self.context.access().downloader
        return self._background.call(lambda: downloader.fetch_into_memory(url))

    def resume(self) -> list[Generation]:
        """Collect what was ordered and did not arrive (tasks, kept answers, links), free; return what came of each.

        Pictures that were kept outside of the history come home first, whatever became of their order.

        Raises:
            ConfigError: none of it could be asked for, as it was ordered at another relay.
            StoreError: the history still cannot take its pictures.
        """
        store = self.context.home().store
        home, problem = self._background.call(lambda: run_in_thread(recover_all_rescued, self._rescue, store))
        jobs = [
            self._start(self._orders.collect, record, record)
            for record in self.history.records()
            if self._is_resumable(record)
        ]
        for job in jobs:
            job.wait_until_over()
        errors = [error for job in jobs if (error := job.error()) is not None]
        if errors and len(errors) == len(jobs) and not home:
            raise errors[0]
        if problem is not None and not jobs and not home:
            raise problem.in_language(self.settings().language)
        collected = [generation for job in jobs if (generation := job.generation) is not None]
        refs = {one.ref for one in collected}
        return [*(self._announce([record]) for record in home if record.ref not in refs), *collected]

    def doctor(self) -> Report:
        """Look whether everything is in order and repair what is safe to repair; nothing is bought."""
        home = self.context.home()
        trial, are_faked = self._background.call(self._try_relay)
        return examine(
            home.store, self._rescue, names_are_faked=are_faked, trial=trial, language=self.settings().language
        )

    async def _try_relay(self) -> tuple[Trial | None, bool | None]:
        """Try the relay in use, if any, and ask whether this machine's resolver makes up addresses where it matters."""
        try:
            access = self.context.access()
        except ConfigError as problem:
            return Trial(problem=problem), None
        except StoreError:  # the look at the folder says it
            return None, None
        if access.demo is not None:
            return None, None
        are_faked = None if is_loopback(access.client.origin) else await access.downloader.names_are_faked()
        return await try_address(access.client), are_faked

    def _is_resumable(self, record: Record) -> bool:
        if record.settled or record.status is not Status.PARTIAL:
            return not record.settled and record.status in _WAITED_FOR
        if record.state is not None or any(not one.is_here for one in record.outputs):
            return True
        return self.context.home().store.answer(record.number) is not None

    def _start(
        self,
        work: Callable[[Any, Job], Awaitable[None]],
        subject: object,
        *known: Record,
        ask: Callable[[str], str] | None = None,
    ) -> Job:
        """Begin on the background; wherever an interrupt strikes here, no job is waited for that never began."""
        job = Job(self._background, view=self._view, language=self.context.language, ask=ask)
        for record in known:
            job.changed(record)

        async def begin() -> None:
            self._add_job(job)
            await work(subject, job)

        self._background.spawn(begin)
        self._add_job(job)
        return job

    def _add_job(self, job: Job) -> None:
        self._jobs[job] = None
        job.on_done(lambda one: self._jobs.pop(one, None))

    def _view(self, job: Job) -> Generation | None:
        folder = self.context.home().store.pictures
        return together([generation_of(record, folder) for record in job.records]) if job.records else None

    def jobs(self) -> list[Job]:
        """Return the jobs under way in this kernel."""
        return [job for job in list(self._jobs) if not job.done()]

    def wait(self) -> None:
        """Wait until nothing is under way in this kernel."""
        self.ask(anyio.lowlevel.checkpoint)  # when this comes back, what was just ordered has begun
        for job in self.jobs():
            job.wait_until_over()

    def models(self) -> list[ListedModel]:
        """Return the relay's models with their prices."""
        return self._background.call(lambda: self.facts.models(self.context.access()))

    def balance(self) -> Balance:
        """Return the balance that the relay reports."""
        return self._background.call(lambda: self.facts.balance(self.context.access()))

    def budget(self) -> tuple[Money, Money] | None:
        """Return the budget of this history and what is left of it; None where none is set."""
        return self._orders.quotes.budget(self.context.home().store)

    def set_budget(self, amount: str | float | None) -> None:
        """Let orders of this history spend at most so much from now on (`"¥10"`, `10`); None lifts the budget."""
        given = None if amount is None else read_amount(str(amount))
        self._orders.quotes.set_budget(self.context.home().store, given, self.settings())

    def own_prices(self) -> dict[str, OwnPrice]:
        """Return your own prices at the relay in use, by model; those in another currency than `Now.currency` rest."""
        settings, kept = self.settings(), self.facts.kept_prices(self.context.access())
        return {name: own_price(name, settings, kept) or kept[name] for name in (*kept, *settings.prices)}

    def set_price(self, model: str, price: str | float | None) -> None:
        """Say what a model costs at the relay in use (`"¥0.3/picture"`, `"0.5/call"`, `0.3`); None forgets it.

        It is used for quotes, budgets and `Now.confirm_over`, in the place of the relay's list.
        """
        own = None if price is None else OwnPrice(*read_price(str(price)))
        self._background.call(lambda: self._orders.quotes.set_price(model, own, self.context.snapshot()))

    def default_model(self) -> str:
        """Return the model that is used where none is named."""
        return self.settings().model or self._background.call(lambda: self.facts.default_model(self.context.access()))

    def ask(self, question: Callable[[], Any]) -> Any:  # noqa: ANN401 - any free question
        """Return the answer to a free question, asked on the background loop."""
        return self._background.call(question)

    def picture(self, ref: Reference) -> Picture:
        """Return the picture that is referred to; of a generation the first."""
        return self._references.picture(ref)

    def path_of(self, ref: Reference) -> Path:
        """Return where the file is that is referred to, be it a picture or not; of a generation the first."""
        return self._references.path_of(ref)

    def record_of(self, ref: Reference) -> Record:
        """Return the record of what is referred to; of what was sent as several requests the first one's."""
        one = self._references.generation(ref)
        return self.history.record(int((one.parts or (one,))[0].ref.removeprefix("#")))

    def ids_of_order(self, record: Record) -> list[str]:
        """Return the identities of all records of one order, which may be several requests."""

        def mark(one: Record) -> tuple[str, str, int, str]:
            return one.kernel, one.execution, one.position, one.request.fingerprint()

        return [
            one.id
            for one in self.context.home().store.equal_to(record.request)
            if one.share < record.request.count and mark(one) == mark(record)
        ]

    def generation(self, ref: Reference) -> Generation:
        """Return the generation that is referred to, or that the picture belongs to."""
        return self._references.generation(ref)

    def subject(self, ref: Reference) -> Generation | Output:
        """Return what is referred to as it is now: a picture, where one is named, else the generation."""
        return self._references.subject(ref)

    def tag(self, ref: Reference, *tags: str, remove: bool = False) -> Generation:
        """Add tags to a picture (`"#12.3"`) or to all of a generation (`"#12"`), or take them off.

        Returns the generation as it is then.
        """
        _ensure_texts(tags)
        add, off = ((), tags) if remove else (tags, ())
        return self._mark(ref, lambda store, number, key: store.mark(number, add=add, remove=off, output=key))

    def star(self, ref: Reference, *, on: bool = True) -> Generation:
        """Put a star on a picture (`"#12.3"`) or on all of a generation (`"#12"`), or take it off.

        Returns the generation as it is then.
        """
        return self.tag(ref, STAR, remove=not on)

    def trash(self, ref: Reference) -> Generation:
        """Move a picture (`"#12.3"`) or a whole generation (`"#12"`) out of the history; return what is left of it.

        The files stay on disk, `history.trash` lists them, and `restore` brings them back.
        """
        return self._mark(ref, Store.trash)

    def restore(self, ref: Reference) -> Generation:
        """Bring a picture, or a generation with all that was in it, back from the trash and return the generation."""
        return self._mark(ref, Store.restore, in_trash=True)

    def _mark(
        self, ref: Reference, change: Callable[[Store, int, str | None], Record], *, in_trash: bool = False
    ) -> Generation:
        store = self.context.home().store
        return self._announce([change(store, *one) for one in self._references.marked(ref, in_trash=in_trash)])

    def _announce(self, records: Sequence[Record]) -> Generation:
        generations = [generation_of(record, self.context.home().store.pictures) for record in records]
        for generation in generations:
            self.history.tell(generation)
        return together(generations)

    async def _farewell(self) -> None:
        self._orders.take_back()
        with anyio.move_on_after(self.patience):
            await self._orders.wait_until_idle()
        for runner in self._runners.values():
            runner.abandon()
        with anyio.move_on_after(_PATIENCE_FOR_RECORDS):
            await self._orders.wait_until_idle()  # each writes into its record how far it came
        self._orders.abandon()
        await self._orders.wait_until_idle()
        await self.context.aclose()

    def close(self) -> None:
        """End the session: wait at most 10 s for what was paid for, then close everything."""
        self._background.close()


def _ensure_texts(tags: Sequence[object]) -> None:
    if wrong := [type(one).__name__ for one in tags if not isinstance(one, str)]:
        raise InputError("a tag of type {kind} is no text", advice='write "cover"', kind=wrong[0])
