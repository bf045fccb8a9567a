"""From what was typed to what is sent: sizes, words of the wire, and what is said of the difference."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations import ask, plan
from now_jupyter._messages import InputError
from now_jupyter._protocol import Ask, Fit, Offer, Option, Remark, Request
from now_jupyter._services import fields, form_of, say_remark, settle
from now_jupyter._services._sizes import fits_grid, resolve_size

RATIOS = Option(values=("1:1", "2:3", "3:2", "16:9", "9:16"))


def sent(size: str, model: str) -> Any:
    return plan(model=model, size=size).call.json["size"]  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("size", "model", "expected"),
    [
        ("16:9", "gpt-image-2", "1536x864"),
        ("9:16", "gpt-image-2.6-flare", "864x1536"),
        ("3:4", "gpt-image-2", "1152x1536"),
        ("1:1", "gpt-image-2", "1024x1024"),
        ("10:1", "gpt-image-2", "1536x512"),
        ("16:9", "dall-e-3", "1792x1024"),
        ("竖", "dall-e-3", "1024x1792"),
        ("方", "dall-e-2", "1024x1024"),
        ("landscape", "gpt-image-1", "1536x1024"),
        ("横", "gpt-image-2", "1536x1024"),
        ("1K", "gpt-image-2", "1024x1024"),
        ("2k", "gpt-image-2", "2048x2048"),
        ("4K", "gpt-image-2", "2880x2880"),
        ("2K", "dall-e-3", "1792x1024"),
        ("1k", "doubao-seedream-4", "1K"),
        ("1K", "doubao-seedream-4-5", "2K"),
        ("16:9", "doubao-seedream-4-5", "2560x1440"),
        ("auto", "dall-e-3", "auto"),
        ("adaptive", "doubao-seedream-4-5", "adaptive"),
        ("16:9", "openai/GPT-Image-2", "1536x864"),
        ("16:9", "flux-pro", "16:9"),
        ("2K", "flux-pro", "2K"),
        ("640x480", "dall-e-3", "640x480"),
        ("640x480", "gpt-image-2", "640x480"),
        ("0:5", "gpt-image-2", "0:5"),
        ("横", "some-new-model", "横"),
        ("16:9", "some-new-model", "16:9"),
    ],
)
def test_a_size_becomes_the_nearest_that_the_model_knows(size: str, model: str, expected: str) -> None:
    """Ratios, tiers and words are resolved; a plain size and auto stay, and so does all where nothing is known."""
    assert sent(size, model) == expected


def test_pixels_become_a_ratio_where_the_wire_has_ratios_only() -> None:
    assert resolve_size("1920x1080", RATIOS) == "16:9"
    assert resolve_size("竖", RATIOS) == "2:3"
    assert resolve_size("what", RATIOS) == "what"


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 99999), st.integers(1, 99999), st.sampled_from([":", "x"]))
def test_any_shape_becomes_something_that_is_known(width: int, height: int, mark: str) -> None:
    given_size = f"{width}{mark}{height}"
    assert resolve_size(given_size, RATIOS) in RATIOS.values
    free = resolve_size(given_size, Option(values=("auto", "1024x1024"), grid=16))
    assert free == given_size or fits_grid(free, 16)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_size_that_can_be_sent(size: str) -> None:
    for option in (RATIOS, Option(), Option(values=("auto", "1024x1024"), grid=16)):
        assert isinstance(resolve_size(size, option), str)


# What is said


def remarks(model: str, prompt: str = "x", **options: Any) -> list[Remark]:
    return list(plan(prompt=prompt, model=model, **options).remarks)


def test_unknown_values_are_advised_against_and_never_refused() -> None:
    """Known models' tables remark with the known values; unknown models get no advice at all."""
    made = plan(prompt="x", model="dall-e-3", quality="ultra", size="640x480")
    assert made.call.json == {"model": "dall-e-3", "prompt": "x", "quality": "ultra", "size": "640x480"}
    assert [(one.option, one.kind, one.known) for one in made.remarks] == [
        ("quality", "unusual", ("standard", "hd")),
        ("size", "unusual", ("1024x1024", "1792x1024", "1024x1792")),
    ]
    assert remarks("gpt-image-2", size="1536x864") == []
    assert remarks("who-knows", quality="ultra", size="16:9", background="pink") == []


def test_a_resolved_size_is_said() -> None:
    assert remarks("gpt-image-2", size="16:9") == [
        Remark(option="size", kind="resolved", given="16:9", used="1536x864")
    ]


def test_what_a_model_is_not_known_to_take_goes_out_with_a_remark() -> None:
    """Seed and negative prompt get lost on the way to OpenAI's models; style is simply unknown there."""
    made = plan(model="gpt-image-2", seed=7, style="vivid", negative="fog")
    assert made.call.json == {
        "model": "gpt-image-2",
        "prompt": "a fox",
        "seed": 7,
        "style": "vivid",
        "negative_prompt": "fog",
    }
    assert {one.option: one.kind for one in made.remarks} == {
        "seed": "dropped",
        "style": "unusual",
        "negative": "dropped",
    }


def test_an_option_that_needs_another_one_is_remarked() -> None:
    assert remarks("gpt-image-2", compression=80)[0].known == ("--format jpeg", "--format webp")
    assert remarks("gpt-image-2", compression=80, format="webp") == []
    assert remarks("gpt-image-2", compression=800, format="webp")[0].known == ("≤ 100",)


def test_a_raw_field_with_an_odd_value_is_remarked() -> None:
    assert remarks("gpt-image-2", raw={"moderation": "none"})[0].known == ("low", "auto")
    assert remarks("gpt-image-2", raw={"brand_new": "x"}) == []


def test_a_prompt_that_is_longer_than_known_is_remarked() -> None:
    assert [one.option for one in remarks("dall-e-3", prompt="x" * 4001)] == ["prompt"]
    assert remarks("dall-e-3", prompt="x" * 4000) == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_remark_is_a_sentence_with_its_facts(language: Any) -> None:
    every = [
        Remark(option="size", kind="resolved", given="16:9", used="1536x864"),
        Remark(option="seed", kind="ignored", given=7),
        Remark(option="seed", kind="dropped", given=7),
        Remark(option="quality", kind="unusual", given="ultra", known=("low", "high")),
        Remark(option="prompt", kind="unusual", given=5000, known=("4000",)),
    ]
    said = [say_remark(one, language) for one in every]
    assert len(set(said)) == len(said)
    for sentence, facts in zip(
        said, [("16:9", "1536x864"), ("7",), ("7",), ("ultra", "low, high"), ("5000", "4000")], strict=True
    ):
        assert all(fact in sentence for fact in facts)
        assert (re.search("[一-鿿]", sentence) is not None) is (language == "zh")


# Another wire's words


WIRE = Offer(
    model="m",
    fit=Fit.NAMED,
    options={
        "n": Option(name="num", most=4),
        "size": Option(name="aspect_ratio", values=("1:1", "16:9")),
        "format": Option(name="type", spelled={"jpeg": "JPG"}),
    },
)


def other(**request: Any) -> Ask:
    return Ask(request=Request(prompt="x", **request), offer=WIRE)


def test_a_wires_own_names_and_words_are_used() -> None:
    placed, said = fields(other(params={"size": "1920x1080", "format": "jpeg", "seed": 1, "style": None, "n": 3}))
    assert placed == {"aspect_ratio": "16:9", "type": "JPG"}
    assert [(one.option, one.kind) for one in said] == [("size", "resolved"), ("seed", "ignored")]
    settled, _ = settle(other(params={"size": "16:9", "format": "jpeg"}))
    assert settled == {"size": "16:9", "format": "jpeg"}


@pytest.mark.parametrize("name", ["num", "n", "model_name", "text"])
def test_a_wires_own_names_of_model_prompt_and_count_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        fields(other(raw={name: "x"}), own=("model_name", "text"))


def test_an_option_and_its_field_are_not_given_both() -> None:
    """`--format` and `-p type=…`: refused by the service, which knows the wire's name."""
    with pytest.raises(InputError, match="--format and -p type set the same field"):
        fields(other(params={"format": "jpeg"}, raw={"type": "PNG"}))
    with pytest.raises(InputError, match="--format and -p output_format set the same field"):
        plan(format="webp", raw={"output_format": "png"})


def test_a_form_holds_words_numbers_and_structures() -> None:
    assert form_of({"a": "x", "b": 2, "c": True, "d": {"e": [1]}}) == (
        ("a", "x"),
        ("b", "2"),
        ("c", "true"),
        ("d", '{"e": [1]}'),
    )


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["size", "quality", "style", "format", "compression", "seed", "new"]), JSON_VALUES),
    st.sampled_from(["gpt-image-2", "dall-e-3", "doubao-seedream-4", "who-knows"]),
)
def test_whatever_is_typed_can_be_planned_twice_the_same(params: Any, model: str) -> None:
    """What was given goes out or is remarked; nothing of it raises."""
    from now_jupyter._services import make_plan, service_named

    order = ask(model=model, **params)
    first, again = (make_plan(service_named("openai-images"), order) for _ in range(2))
    assert first == again
    assert all(say_remark(one) for one in first.remarks)
