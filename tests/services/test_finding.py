"""The walk that finds pictures, on shapes that nobody listed, wrapped in others."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations import PNG
from now_jupyter._json import JSON
from now_jupyter._protocol import Base64, Call, Found, Link, Lost
from now_jupyter._services import outputs_in
from now_jupyter._services._naming import read_name

LINKS = [f"https://h.example/{number}" for number in range(6)]
FILES = [f"{link}.png?key=a%2Fb" for link in LINKS]
TEXTS = [f"{PNG}{number:04d}" for number in range(6)]
PATHS = [f"/files/{number}.webp" for number in range(6)]
URIS = [f"data:image/png;base64,{text}" for text in TEXTS]
HARMLESS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("abc 一二,.!", max_size=20)


def marks(body: JSON) -> list[str]:
    """Return what was found, as text."""
    return [said(one) for one in outputs_in(body) if isinstance(one, Found)]


def said(found: Found) -> str:
    match found.sources[0]:
        case Link(url):
            return url
        case Base64(text):
            return text.rpartition(",")[2]
        case Call(path=path):
            return path
        case other:
            return repr(other)


def is_free(name: str) -> bool:
    """Whether a name says nothing that the walk knows."""
    told = read_name(name)
    is_known = told.is_skipped or told.has_base64("x" * 99)
    return not is_known and told.parts.isdisjoint({"original", "thought", "role", "type"})


# What holds pictures, whatever its names are

NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-0123456789 一", min_size=1, max_size=12).filter(
    is_free
)
LINK_NAMES = st.sampled_from(
    [
        *("url", "image_url", "imageUrl", "imageURLs", "result_url", "resultUrls", "src", "href", "link", "output"),
        *(
            "img",
            "download-url",
            "picUrl",
            "photo",
            "files",
            "Image",
            "OUTPUT_IMAGE",
            "finalImageUrl",
            "cdn_image_urls",
        ),
    ]
)
BASE64_NAMES = st.sampled_from(["b64_json", "b64", "base64", "image_base64", "B64Image", "bytesBase64Encoded"])
EVIDENT = st.sampled_from(
    [*zip(FILES, FILES, strict=True), *zip(URIS, TEXTS, strict=True), *zip(TEXTS, TEXTS, strict=True)]
)
BESIDE = st.dictionaries(NAMES, HARMLESS, max_size=3)


def wrapped(body: Any, layers: list[tuple[str, dict[str, Any], str]]) -> Any:
    """Put a body into lists, objects and texts of JSON."""
    for name, beside, form in layers:
        if form == "list":
            body = [body]
        elif form == "text":
            body = {**beside, name: json.dumps(body)} if isinstance(body, dict | list) else {**beside, name: body}
        else:
            body = {**beside, name: body}
    return body


LAYERS = st.lists(st.tuples(NAMES, BESIDE, st.sampled_from(["list", "object", "object", "text"])), max_size=6)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(EVIDENT, min_size=1, max_size=5, unique=True), NAMES, LAYERS, st.data())
def test_what_is_evidently_a_picture_is_found_once_and_in_order(
    pictures: list[tuple[str, str]], name: str, layers: Any, data: st.DataObject
) -> None:
    """Under any names, in lists of texts, of objects, of either, as deep as may be."""
    expected = list(dict.fromkeys(mark for _, mark in pictures))
    items = [{**data.draw(BESIDE), name: text} if data.draw(st.booleans()) else text for text, _ in pictures]
    assert marks(wrapped(items, layers)) == expected


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(st.lists(st.sampled_from(LINKS + PATHS), min_size=1, max_size=5, unique=True), LINK_NAMES, LAYERS, st.booleans())
def test_a_link_under_a_name_that_says_so_is_found(links: list[str], name: str, layers: Any, is_listed: bool) -> None:
    """A link of any kind, in one object each or in one list."""
    body = {name: links} if is_listed else [{name: link} for link in links]
    assert marks(wrapped(body, layers)) == links


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.text("ABCDEFGHabcdefgh0123", min_size=8, max_size=30), min_size=1, max_size=4, unique=True),
    BASE64_NAMES,
    LAYERS,
)
def test_base64_under_a_name_that_says_so_is_found(texts: list[str], name: str, layers: Any) -> None:
    """Of whatever it is the beginning: the bytes decide later."""
    assert marks(wrapped([{name: text} for text in texts], layers)) == texts


# What only looks like it

SKIPPED = st.sampled_from(
    [
        *("input", "input_image", "inputImages", "request", "params", "init_image", "reference_images", "mask"),
        *("thumbnail", "thumb_url", "thumbnailUrl", "preview", "preview_image", "logo", "icon_url", "avatar", "error"),
        *("prompt", "provider", "user", "webhook_url", "usage", "help_url", "poster"),
    ]
)


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(EVIDENT, SKIPPED, LAYERS, EVIDENT, st.booleans())
def test_what_is_given_back_or_goes_beside_is_left_alone(
    beside: tuple[str, str],
    name: str,
    layers: Any,
    made: tuple[str, str],
    is_alone: bool,
) -> None:
    """Alone, and beside a picture that was made."""
    body: dict[str, Any] = {name: beside[0]} if is_alone else {name: beside[0], "url": made[0]}
    found = marks(wrapped([body], layers))
    assert found == ([] if is_alone else [made[1]]) or (beside[1] == made[1] and found == [])


@settings(max_examples=80, deadline=None)
@given(
    st.recursive(
        HARMLESS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | LINK_NAMES, inner, max_size=4),
        max_leaves=20,
    )
)
def test_words_and_numbers_are_no_pictures(body: Any) -> None:
    """Whatever their names say."""
    assert marks(body) == []


@pytest.mark.parametrize("state", ["queued", "processing", "IN_PROGRESS", "submitted"])
def test_the_address_of_a_task_is_no_picture(state: str) -> None:
    """A picture in it is one, all the same."""
    task = {"id": "7", "status": state, "url": LINKS[0]}
    assert marks(task) == marks({"data": task}) == []
    assert marks({**task, "output": [FILES[1]]}) == [FILES[1]]


@pytest.mark.parametrize(
    "name", ["status_url", "urls.get", "cancel_url", "poll_url", "web_page", "next_url", "pay_url", "message"]
)
def test_links_to_pages_are_no_pictures(name: str) -> None:
    outer, _, inner = name.partition(".")
    assert marks({outer: {inner: LINKS[0]} if inner else LINKS[0]}) == []


def test_one_picture_in_several_sizes_is_one_with_the_best_first() -> None:
    body = {
        "data": [
            {"urls": {"small": LINKS[0], "full": LINKS[1], "regular": LINKS[2]}},
            {"png": LINKS[3], "webp": LINKS[4]},
        ]
    }
    assert marks(body) == [LINKS[1], LINKS[3]]


def test_the_surest_count_alone() -> None:
    """Below names that answers are made of, then what is evident, then what only its name tells."""
    sure, evident, named = {"data": [{"url": LINKS[0]}]}, {"gallery": {"big": FILES[1]}}, {"gallery": {"url": LINKS[2]}}
    assert marks({**named, **sure}) == [LINKS[0]]
    assert marks({"one": evident, "two": named}) == [FILES[1]]
    assert marks(named) == [LINKS[2]]
    assert marks({"original": LINKS[3]}) == [LINKS[3]]
    assert marks({"original": LINKS[3], "url": LINKS[4]}) == [LINKS[4]]


def test_drawings_are_taken_as_text() -> None:
    drawn = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    for body in ({"svg": drawn}, {"data": [drawn]}, {"image": "data:image/svg+xml," + drawn.replace("<", "%3C")}):
        assert [one.sources for one in outputs_in(body) if isinstance(one, Found)] == [(drawn.encode(),)]


def test_films_are_told_apart_from_pictures() -> None:
    assert marks({"image_url": LINKS[0], "video_url": LINKS[1]}) == LINKS[:2]


def test_an_item_that_failed_in_its_own_words_is_lost() -> None:
    for reason in (
        {"error": "no"},
        {"code": "x", "message": "no"},
        {"status": "failed", "msg": "no"},
        {"finishReason": "SAFETY"},
    ):
        found = list(outputs_in({"data": [{"url": FILES[0]}, reason]}))
        assert [type(one) for one in found] == [Found, Lost]


# Words


def chat(content: str) -> JSON:
    return {"choices": [{"message": {"content": content}}]}


@pytest.mark.parametrize(
    "words",
    [
        "![A logo for a coffee shop]({link})",
        "![avatar of a fox]({link})",
        "![an iconic [red] fox, [detailed]]({link})",
        "![" + "a fox in deep snow, " * 60 + "]({link})",
        '![x]({link} "a fox (red)")',
        "![x](<{link}>)",
        '<img alt="a fox" src="{link}">',
        "<p><img src='{link}' /></p>",
    ],
)
def test_a_picture_that_words_show_is_found_whatever_it_is_called(words: str) -> None:
    """Also one whose prompt asks for what decorates pages."""
    assert marks(chat(words.replace("{link}", LINKS[0]))) == [LINKS[0]]


@pytest.mark.parametrize(
    "link",
    [
        "https://cdn.example/f/coffee-shop-logo-1.png",
        "https://s3.siliconflow.cn/out/1.png",
        "https://cdn.example/avatars/7.webp",
    ],
)
def test_a_link_to_a_picture_is_found_whatever_its_host_and_folder_are_called(link: str) -> None:
    assert marks(chat(f"Here: {link}")) == marks({"any": {"thing": link}}) == marks(chat(f"![x]({link})")) == [link]


def test_parentheses_in_a_link_belong_to_it() -> None:
    assert marks(chat("![x](https://h.example/a(1).png)")) == ["https://h.example/a(1).png"]


@pytest.mark.parametrize("name", ["logo", "logo.png", "icon", "favicon", "Badge", "icon-192"])
def test_what_decorates_words_is_no_picture(name: str) -> None:
    """Nor what may decorate, where another one stands beside it."""
    shown = f"![{name}]({LINKS[0]}) Sorry."
    assert marks(chat(shown)) == marks(chat(f"see https://h.example/s/{name.removesuffix('.png')}.png")) == []
    assert marks(chat(f"![the shop's logo]({LINKS[0]})\n![a fox]({LINKS[1]})")) == [LINKS[1]]
    assert marks(chat(f"https://h.example/shop-logo.png and {FILES[0]}")) == [FILES[0]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [{"url": LINKS[0]}, {"a": [FILES[0]]}, "![](", "/9j/" * 9, {"error": {"message": "x"}}, [[[]]], {"b64": "A" * 999}],
)
def test_a_body_of_any_length_is_walked_in_linear_time(piece: Any) -> None:
    """Ten times the answer takes about ten times the time."""

    def seconds(count: int) -> float:
        body = {"data": [piece] * count}
        start = time.process_time()
        list(outputs_in(body))
        return time.process_time() - start

    assert min(seconds(20_000) for _ in range(2)) < 40 * (min(seconds(2_000) for _ in range(3)) + 0.002)
