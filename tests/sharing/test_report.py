"""`history.report`: every picture with how it was made; as text, CSV, Markdown and a DataFrame."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest

from drawing import encoded, texture
from kept_pictures import history_in, keep_picture
from now_jupyter._messages import NowImageError, columns_of
from now_jupyter._services._decoder import outcome_of
from now_jupyter._session import Session
from now_jupyter._values import Input, Money, Request
from relays import new_session, relay_on_loopback

PRICE = Money(Decimal("0.06"), "USD", "reported")


def test_every_picture_has_a_row_with_all_that_is_known(tmp_path: Path) -> None:
    """Model as answered, words, parameters, seed, inputs, cost, request id, time, digest."""
    store, history = history_in(tmp_path / "s.now")
    given = Input(role="picture", id="ab" * 32, sha256="ab" * 32)
    request = Request(prompt="a fox", params={"seed": 7}, raw={"x": [1]}, inputs=(given,))
    record = keep_picture(
        store, encoded(texture()), request=request, model="alias", answered_by="gpt-image-2-2026-04",
        cost=PRICE, request_id="req-1", elapsed=8.2, tags=("cover",),
    )  # fmt: skip
    (row,) = history.report()
    assert row == {
        "ref": "#1",
        "created": "2023-11-14T22:13:20+00:00",
        "model": "gpt-image-2-2026-04",
        "prompt": "a fox",
        "revised_prompt": "",
        "params": '{"seed": 7, "x": [1]}',
        "seed": 7,
        "inputs": f"picture:{'ab' * 32}",
        "cost": 0.06,
        "currency": "USD",
        "cost_is": "reported",
        "billed": "yes",
        "request_id": "req-1",
        "elapsed": 8.2,
        "status": "done",
        "tags": "cover",
        "demo": False,
        "taken_from": "",
        "file": "1-fox.png",
        "sha256": record.outputs[0].sha256,
    }


def test_the_costs_of_pictures_add_up(tmp_path: Path) -> None:
    """A call of several is shared out; the demo costs nothing."""
    with relay_on_loopback() as served, new_session(tmp_path, served.url) as session:
        session.generate("a fox", n=4, model="gpt-image-2")
        total = session.history.cost().amount
        costs = [row["cost"] for row in session.history.report()]
        assert total
        assert sum(costs) == pytest.approx(float(total), abs=1e-5)
        assert len(costs) == 4


def test_what_may_have_been_billed_is_listed(tmp_path: Path) -> None:
    """An order that nothing came of, with its status; not one that certainly cost nothing."""
    with relay_on_loopback() as served, new_session(tmp_path, served.url) as session:
        session.generate("a fox", model="dall-e-2", size="256x256")
        for wish, tag in (({"fault": "reset"}, "lost"), ({"status": 400}, "refused")):
            with pytest.raises(NowImageError):
                session.generate("a hare", model="dall-e-3", params={"demo": wish}, tag=[tag])
        report = session.history.report
        told = [(row["ref"], row["status"], row["billed"], row["cost"], row["file"]) for row in report()]
        assert told == [("#1", "done", "yes", 0.008, "1-fox.png"), ("#2", "unknown", "maybe", 0.04, "")]
        chosen = (report("#2"), report("#3"), report(session.history["#2"]), report(1), report(tag="lost"))
        assert [[row["ref"] for row in one] for one in chosen] == [["#2"], [], ["#2"], ["#2"], ["#2"]]
        assert not report(starred=True)
        assert "maybe" in repr(report()).splitlines()[2]


def test_the_text_is_aligned_whatever_the_script(studio: Session) -> None:
    """Chinese signs are two columns wide."""
    lines = repr(studio.history.report()).splitlines()
    assert len(lines) == 5
    at = columns_of(lines[0].partition("prompt")[0])
    for line, words in zip(lines[1:], ("a red fox", "a red fox", "雪地里的狐狸", "at night"), strict=True):
        assert columns_of(line.partition(words)[0]) == at
    assert "demo" in lines[1]


def test_pictures_are_chosen_as_in_an_export(studio: Session) -> None:
    """By reference, star and tag."""
    report = studio.history.report
    assert [row["ref"] for row in report("#1.2", "#3")] == ["#1.2", "#3"]
    assert [row["ref"] for row in report(starred=True)] == ["#1.2"]
    assert [row["ref"] for row in report(tag="cover")] == ["#2"]
    assert [row["ref"] for row in report()[1:3]] == ["#1.2", "#2"]


@pytest.mark.parametrize(
    "prompt",
    [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1+1",
        "＝1",
        "＋1",
        "－1",
        "＠A1",
        "|x",
    ],
)
def test_no_cell_of_the_csv_is_a_formula(prompt: str, tmp_path: Path) -> None:
    """A spreadsheet that opens it computes nothing; every other cell is as it is."""
    store, history = history_in(tmp_path / "s.now")
    keep_picture(store, encoded(texture()), prompt, model=prompt, tags=(prompt,))
    (row,) = csv.DictReader(io.StringIO(history.report().to_csv(), newline=""))
    assert row["prompt"] == f"'{prompt}"
    assert all(not value.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) for value in row.values())
    assert row["ref"] == "#1"


def test_csv_and_markdown_are_written_and_replace_nothing(studio: Session, tmp_path: Path) -> None:
    """Spreadsheets tell UTF-8 by its mark."""
    report = studio.history.report()
    first = report.write_csv(tmp_path / "r.csv")
    assert [report.write_csv(first).name, report.write_markdown(tmp_path / "r.md").name] == ["r-2.csv", "r.md"]
    rows = list(csv.DictReader(io.StringIO(first.read_text("utf-8-sig"), newline="")))
    assert [row["prompt"] for row in rows][2] == "雪地里的狐狸"
    assert first.read_bytes().startswith(b"\xef\xbb\xbf")
    assert json.loads(rows[2]["params"]) == {"seed": 7}
    assert rows[3]["inputs"] == f"picture:{studio.history['#1'].pictures[1].sha256}"


def test_nothing_in_a_markdown_cell_is_markup(tmp_path: Path) -> None:
    """No cell ends early, opens an element, a link, a picture or a formula."""
    store, history = history_in(tmp_path / "s.now")
    keep_picture(store, encoded(texture()), "a | b\n\n| c | <script>x</script> ![p](http://x) `q` $x$ **b** \\")
    lines = history.report().to_markdown().splitlines()
    assert len(lines) == 3
    cells = lines[2].replace("\\|", "").count("|")
    assert cells == lines[0].count("|")
    assert r"\<script\>" in lines[2]
    assert r"\!\[p\]" in lines[2]
    assert r"\$x\$" in lines[2]


def test_a_dataframe_has_the_same_rows(studio: Session) -> None:
    """With times as times."""
    frame = studio.history.report().to_dataframe()
    assert list(frame["ref"]) == ["#1.1", "#1.2", "#2", "#3"]
    assert str(frame["created"].dtype).startswith("datetime64")
    assert studio.history.report(tag="none of them").to_dataframe().empty


@pytest.mark.parametrize(
    ("answer", "model"),
    [
        ({"model": "m-2026", "data": []}, "m-2026"),
        ({"modelVersion": "g-2.5"}, "g-2.5"),
        ({"model": ["x"]}, ""),
        ("x", ""),
    ],
)
def test_the_model_that_answered_is_read(answer: object, model: str) -> None:
    """Wherever an answer names it."""
    assert outcome_of(answer).model == model  # type: ignore[arg-type]


def test_the_model_that_answered_is_kept(tmp_path: Path) -> None:
    """In the record, and so in the report."""
    with relay_on_loopback() as served, new_session(tmp_path, served.url) as session:
        session.generate("a fox", model="gemini-3-pro-image-preview")
        (record,) = session.history.records()
        assert record.answered_by == "gemini-3-pro-image-preview"
