"""Every field that comes from a relay, a folder or a front end is within its bound and plain once it is a value.

The fields are found by looking at the types, so that a new one is held to it by itself.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from absurd import ABSURD, absurd_for, bounded_types, encoded, is_free, places, sample, sound, with_part
from now_jupyter._bounds import Bounded, clip, printable, room_of
from now_jupyter._display._display import bundle_of, caption_of
from now_jupyter._history import Selection
from now_jupyter._messages import ConfigError, StoreCorrupt
from now_jupyter._orders._quotes import Budget, _read_budget
from now_jupyter._panel._detail import detail_of
from now_jupyter._panel._gallery import Gallery
from now_jupyter._panel._messages import ACTIONS, WITH_FILE, read_message
from now_jupyter._settings import Settings
from now_jupyter._settings._logins import Login, Logins
from now_jupyter._store import Record, Store, encode, generation_of
from now_jupyter._store._folder import _is_orphan
from now_jupyter._store._notebook import pictures_shown
from now_jupyter._store._record_files import Marks, _encode_record, parse_json, read_marks
from relays import new_session

KINDS = bounded_types()
SETTINGS = Settings()
LARGEST = 256 << 10  # bytes of a file that any field of any value may need
AS_TYPED = ("prompt", "draft", "cell")  # of the full view: text in forms, which shows signs as signs


def test_there_are_types_to_walk() -> None:
    """The types of records, budgets, marks, logins, lists, prices, balances, failures and steps are bounded ones."""
    named = {kind.__name__ for kind in KINDS}
    assert named >= {"Record", "RecordedOutput", "Request", "Budget", "Marks", "Login", "Listed", "Price", "Balance"}
    assert named >= {"RelayStatus", "Failure", "Found", "Lost", "Checkpoint", "Progress", "Outcome", "Link", "Attempt"}
    assert sum(len(dataclasses.fields(kind)) for kind in KINDS) > 130


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_whatever_a_field_is_given_it_is_within_its_bound(kind: type[Bounded]) -> None:
    """A value can be made of anything; each of its fields is then small, finite and plain, and stays as it is."""
    whole = sound(kind)
    for one in dataclasses.fields(kind):
        for name, absurd in {**ABSURD, "an object": object(), "an amount": Decimal("1E+999999999")}.items():
            made = dataclasses.replace(whole, **{one.name: absurd})
            if is_free(kind, one.name):
                continue
            _hold(getattr(made, one.name), f"{kind.__name__}.{one.name}: {name}")
            assert dataclasses.replace(made) == made
            assert type(getattr(made, one.name)) in _types_of(getattr(whole, one.name), one), f"{one.name}: {name}"


def _types_of(value: Any, one: Any) -> tuple[type, ...]:
    if type(value) is float:
        return (float, int, type(None))
    is_json = "JSON" in str(one.type) or one.type == "Handle"
    anything = (str, int, float, bool, list, dict) if is_json else ()
    return (type(value), tuple, dict, type(None), *anything) if is_json else (type(value), type(None))


def _hold(value: Any, where: str) -> None:
    """Hold a field, and all that it consists of, to what any field may be."""
    if isinstance(value, str):
        assert len(value) <= 64 << 10, where
        assert not any(0xD800 <= ord(sign) < 0xE000 for sign in value), where
    elif isinstance(value, float | Decimal):
        assert math.isfinite(value), where
        assert abs(value) <= 10**19, where
        assert len(str(value)) < 60, where
    elif isinstance(value, int):
        assert abs(value) <= 10**19, where
    elif isinstance(value, dict | list) or (isinstance(value, tuple) and not any(map(dataclasses.is_dataclass, value))):
        assert room_of(list(value) if isinstance(value, tuple) else value) <= LARGEST, where
    elif isinstance(value, tuple):
        assert len(value) <= 1000, where


def test_what_was_given_may_change_and_the_value_does_not() -> None:
    """A service may go on with the state that it gave: the one that is kept is of the moment it was given."""
    given: dict[str, Any] = {"task": "1", "seen": [{"at": 1}]}
    kept: Any = clip(given, 4096)
    given["seen"][0]["at"] = given["task"] = 2
    assert kept == {"task": "1", "seen": [{"at": 1}]}


def _forms(kind: type) -> Iterator[tuple[str, bytes]]:
    """Each form of a type with one part, at any depth, that is absurd, as a file that a reader gets."""
    form, mark = sample(kind), "@the part@"
    absurd = {name: encoded(one) for name, one in ABSURD.items()}
    for at in places(form):
        whole = encoded(with_part(form, at, mark))
        for name, part in absurd.items():
            yield f"{'.'.join(map(str, at))}: {name}", whole.replace(encoded(mark), part)


@pytest.mark.slow
def test_a_record_from_anywhere_is_read_shown_and_written_again(tmp_path: Path) -> None:
    """Whatever stands at whatever place of a record: it is read, or refused by an error of ours; what was read is
    written and read back equal, and all that people see of it is short and plain.
    """
    read = 0
    with new_session(tmp_path) as session:
        gallery = Gallery(session)
        for where, form in _forms(Record):
            try:
                record = Record.from_json(parse_json(form))
            except StoreCorrupt:
                continue
            read += 1
            again = Record.from_json(parse_json(_encode_record(record)))
            assert again == record, where
            for text in _shown(record, gallery, tmp_path):
                assert printable(text) == text, where
                assert len(text) <= 64 << 10, where
    assert read > 1000


def _shown(record: Record, gallery: Gallery, folder: Path) -> Iterator[str]:
    generation = generation_of(record, folder)
    yield caption_of(generation)
    yield repr(generation)
    yield from repr(Selection([generation], language="zh")).splitlines()
    yield bundle_of(generation, SETTINGS, how="text")[0]["text/plain"][: 64 << 10]  # words that were paid for
    yield from _texts_in(gallery.row(record, "en"))
    detail = detail_of(record, gallery, gallery._session.history, "en")
    yield from _texts_in({name: part for name, part in detail.items() if name not in AS_TYPED})


def _texts_in(form: Any) -> Iterator[str]:
    if isinstance(form, str):
        yield form
    for one in form.values() if isinstance(form, dict) else form if isinstance(form, list | tuple) else ():
        yield from _texts_in(one)


@pytest.mark.slow
def test_marks_budgets_logins_formats_and_notebooks_from_anywhere(tmp_path: Path) -> None:
    """Whatever stands in any file that a folder brings along, reading it gives a value or an error of ours."""
    store = Store(tmp_path / "a.now", notebook=tmp_path / "a.ipynb")
    store.preflight()
    for where, form in _forms(Marks):
        try:
            marks = read_marks(parse_json(form))
        except StoreCorrupt:
            continue
        assert read_marks(json.loads(encode(msgspec.to_builtins(marks)))) == marks, where
    for _, form in _forms(Budget):
        (store.folder / "budget.json").write_bytes(form)
        try:
            budget = _read_budget(store)
        except StoreCorrupt:
            continue
        assert budget is not None
        assert budget.after <= store.highest_number()
        assert len(str(budget.amount)) < 60
        assert printable(str(budget.amount)) == str(budget.amount)
    logins = {"current": "x", "logins": {"x": {**sample(Login), "rate": 7.0}}}
    for absurd in absurd_for(logins):
        (tmp_path / "logins.json").write_bytes(encoded(absurd))
        _look_at_logins(tmp_path / "logins.json")
    for absurd in absurd_for({"format": 1, "id": "a", "notebook": "b"}):
        (store.folder / "format").write_bytes(encoded(absurd))
        assert _is_orphan(Store(store.folder)) in (True, False)
    book = {"cells": [{"outputs": [{"metadata": {"now": {"id": "0" * 32, "ids": ["1" * 32], "demo": False}}}]}]}
    for absurd in absurd_for(book):
        (tmp_path / "b.ipynb").write_bytes(encoded(absurd))
        assert all(len(one) <= 64 for one in pictures_shown(tmp_path / "b.ipynb").ids)


def _look_at_logins(path: Path) -> None:
    try:
        login = Logins(path).current()
    except ConfigError:
        return
    if login is not None:
        settings = Settings(**login.layer())
        assert 0 < settings.rate <= 1e6
        assert all(printable(text) == text for text in (settings.base_url, settings.model, settings.currency))


@pytest.mark.slow
def test_whatever_a_front_end_sends_is_a_message_or_refused(tmp_path: Path) -> None:
    """Each field of each action, and of the draft in it, may hold anything: it is taken or refused, never a bug."""
    for action, kind in ACTIONS.items():
        form = {"id": "v-1", "action": action, **{one.name: _of_front_end(one.type) for one in _fields(kind)}}
        buffers = [b"x"] if action in WITH_FILE else []
        assert read_message(form, buffers).action == action
        for absurd in absurd_for(form):
            with suppress(ValueError):
                read_message(absurd, buffers)
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="too large"):
        read_message({"id": "v-1", "action": "find", "text": deep})


def _fields(kind: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def _of_front_end(hint: Any) -> Any:
    schema, components = msgspec.json.schema_components([hint])
    return _by_schema(schema[0], components)


def _by_schema(schema: dict[str, Any], components: dict[str, Any]) -> Any:
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    match schema.get("type"):
        case "object":
            return {name: _by_schema(one, components) for name, one in schema.get("properties", {}).items()}
        case "array":
            rows = schema.get("prefixItems") or [schema.get("items") or {"type": "string"}]
            return [_by_schema(one, components) for one in rows]
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case _:
            is_digest = "{64}" in schema.get("pattern", "")
            text: str = schema["enum"][0] if "enum" in schema else "0" * 64 if is_digest else schema.get("default", "a")
            return text
