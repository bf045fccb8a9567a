"""Pictures as inputs: what is given as one, masks, what lies outside of them, variations, and once more the same."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageCms

from now_jupyter._cells import Execution
from now_jupyter._display._display import caption_of
from now_jupyter._media import decode
from now_jupyter._messages import InputError, NowImageError
from now_jupyter._options import cell_text, parse_cell, parse_keywords
from now_jupyter._orders import order_again, order_of
from now_jupyter._runner import _outside
from now_jupyter._session import Session
from now_jupyter._values import Generation, Picture
from relays import Served, new_session

SIZE = (64, 48)
BOX = (16, 8, 48, 40)


def encoded(image: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **how)
    return target.getvalue()


def drawn(size: tuple[int, int] = SIZE, mode: str = "RGB") -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert(mode)


def region() -> np.ndarray[Any, Any]:
    """The mask as an array, True where to repaint."""
    mask = np.zeros(SIZE[::-1], bool)
    mask[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    return mask


def sent(served: Served) -> dict[str, list[bytes]]:
    """The files of the last form that came, by the names of their parts."""
    body = next(one.body for one in reversed(served.relay.requests) if one.method == "POST")
    boundary = body.partition(b"\r\n")[0]
    files: dict[str, list[bytes]] = {}
    for part in body.split(boundary)[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        if b"filename=" in head:
            files.setdefault(head.partition(b'name="')[2].partition(b'"')[0].decode(), []).append(data[:-2])
    return files


def called(served: Served) -> str:
    return next(one.path for one in reversed(served.relay.requests) if one.method == "POST")


def differing(one: Image.Image, other: Image.Image) -> tuple[int, int, int, int] | None:
    return ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getbbox()


# What is given as a picture


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        pytest.param(drawn, id="PIL"),
        pytest.param(partial(drawn, mode="RGBA"), id="PIL RGBA"),
        pytest.param(partial(drawn, mode="L"), id="PIL L"),
        pytest.param(partial(drawn, mode="CMYK"), id="PIL CMYK"),
        pytest.param(lambda: np.asarray(drawn()), id="array H×W×3"),
        pytest.param(lambda: np.asarray(drawn(mode="RGBA")), id="array H×W×4"),
        pytest.param(lambda: np.asarray(drawn(mode="L")), id="array H×W"),
        pytest.param(lambda: np.asarray(drawn()) / 255, id="array 0 to 1"),
        pytest.param(lambda: encoded(drawn(), "JPEG"), id="bytes"),
        pytest.param(lambda: encoded(drawn(), "BMP"), id="BMP"),
        pytest.param(lambda: encoded(drawn(), "TIFF"), id="TIFF"),
        pytest.param(lambda: encoded(drawn(), "GIF"), id="GIF"),
        pytest.param(lambda: encoded(drawn(mode="CMYK"), "JPEG"), id="CMYK JPEG"),
        pytest.param(lambda: encoded(drawn(mode="I;16"), "PNG"), id="16 bits"),
        pytest.param(partial(drawn, mode="I;16"), id="PIL 16 bits"),
        pytest.param(partial(drawn, mode="F"), id="PIL F"),
        pytest.param(lambda: np.asarray(drawn())[:, :, :1], id="array H×W×1"),
        pytest.param(lambda: memoryview(encoded(drawn())), id="memoryview"),
    ],
)
def test_whatever_is_a_picture_is_sent_as_one_that_services_read(
    given: Callable[[], Any], session: Session, served: Served
) -> None:
    generation = session.edit(given(), "a fox", size="1024x1024")
    (file,) = sent(served)["image"]
    came = decode(file)
    assert came.size == SIZE
    assert came.format in (None, "PNG", "JPEG", "WEBP")
    assert came.mode in ("L", "RGB", "RGBA")
    assert generation.pictures
    assert generation.parents == ()


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_deep_pixels_keep_their_brightness(mode: str, session: Session, served: Served) -> None:
    """In 16 bits white is 65535: cut off at 255 all would be white."""
    deep = drawn().convert("L")
    given = Image.fromarray(np.asarray(deep).astype(np.uint16) * 257) if mode == "I;16" else deep.convert("F")
    session.edit(given, "a fox", size="1024x1024")
    assert np.abs(np.asarray(decode(sent(served)["image"][0])).astype(int) - np.asarray(deep)).max() <= 1


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (np.full((8, 8), 255.0), "from 255 to 255"),
        (np.full((8, 8), 1000), "from 1000 to 1000"),
        (np.full((8, 8), -1, np.int8), "from -1 to -1"),
        (np.full((8, 8), np.inf), "has values"),
        (np.full((8, 8), np.nan), "values that are no numbers"),
        (np.zeros((8, 8), complex), "complex128"),
        (np.zeros((8, 8), object), "object"),
        (np.zeros((8, 8, 2), np.uint8), r"shape \(8, 8, 2\)"),
        (np.zeros((3, 8, 8), np.uint8), r"shape \(3, 8, 8\)"),
        (np.zeros((0, 8), np.uint8), r"shape \(0, 8\)"),
    ],
)
def test_an_array_that_would_turn_into_noise_is_refused(given: Any, why: str, session: Session, served: Served) -> None:
    with pytest.raises(InputError, match=why):
        session.edit(given, "a fox")
    with pytest.raises(InputError, match=rf"{why}|mask is empty"):
        session.edit(drawn((8, 8)), "a fox", mask=given)
    assert served.posts == 0


def test_a_little_beyond_white_is_white(session: Session, served: Served) -> None:
    """As resampling leaves it."""
    session.edit(np.full((8, 8), 1.04), "a fox", size="1024x1024")
    assert np.asarray(decode(sent(served)["image"][0])).min() == 255


def test_a_photo_opened_by_pillow_is_turned_upright_too(session: Session, served: Served, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "photo.jpg").write_bytes(encoded(drawn(), "JPEG", exif=exif))
    with Image.open(tmp_path / "photo.jpg") as photo:
        session.edit(photo, "a fox", size="1024x1024")
    assert decode(sent(served)["image"][0]).size == SIZE[::-1]


def test_a_damaged_image_of_pillow_is_refused(session: Session, tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(encoded(drawn((400, 400)), "JPEG")[:2000])
    with Image.open(tmp_path / "cut.jpg") as cut, pytest.raises(InputError, match="cannot be read"):
        session.edit(cut, "a fox")


@pytest.mark.parametrize("verb", ["edit", "vary"])
def test_nothing_is_no_picture(verb: str, session: Session, served: Served) -> None:
    """It would be an order without a picture, and cost as much."""
    for nothing in ([], None):
        with pytest.raises(InputError, match="no picture"):
            getattr(session, verb)(nothing, "a fox")
    assert served.posts == 0


def test_an_address_that_gives_nothing_costs_nothing_and_says_so(session: Session, served: Served) -> None:
    with pytest.raises(InputError, match="gives no picture") as caught:
        session.edit("https://user@127.0.0.1/a.png", "a fox")
    assert (caught.value.billed, caught.value.next_step()) == ("no", "")
    assert served.posts == 0


def test_what_no_service_reads_is_refused_before_a_number_is_taken(session: Session, served: Served) -> None:
    with pytest.raises(InputError, match=r"image/svg\+xml cannot be sent"):
        session.edit(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a fox")
    assert (len(session.history), served.posts) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("give", [str, int, lambda ref: f"{ref}.2"], ids=["#1", "-1", "#1.2"])
def test_a_reference_a_value_and_a_file_are_the_same_picture(
    give: Callable[[str], Any], session: Session, served: Served
) -> None:
    made = session.generate("a fox", n=2)
    session.remember_shown(made)
    wanted = made.pictures[0] if give is str else made.pictures[1]
    reference = -1 if give is int else give("#1")
    for value in (reference, wanted, wanted.path, str(wanted.path), wanted.bytes()):
        edited = session.edit(value, "a fox in a scarf", fresh=True)
        assert sent(served)["image"] == [wanted.bytes()]
        is_named = value is reference or value is wanted
        assert edited.parents == ((made.id,) if is_named else ())
    assert len({one.request.inputs[0].id for one in session.history[1:]}) == 1


def test_up_to_sixteen_pictures_and_several_parents(session: Session, served: Served) -> None:
    first, second = session.generate("a fox"), session.generate("an owl")
    made = session.edit([first, "#2", drawn()], "both at a table")
    assert made.parents == (first.id, second.id)
    assert sent(served)["image[]"][:2] == [first.pictures[0].bytes(), second.pictures[0].bytes()]
    posts = served.posts
    with pytest.raises(InputError, match="at most 16"):
        session.edit([drawn()] * 17, "too many")
    assert served.posts == posts


def test_a_photo_is_turned_upright_and_that_is_said(session: Session, served: Served) -> None:
    """A service reads no EXIF orientation, and a mask is drawn on what people see."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(drawn(), "JPEG", exif=exif)
    order = order_of(parse_keywords("a fox", {"image": [data]}))
    assert "the picture was turned upright" in session.rehearse(order).notes
    session.edit(data, "a fox")
    assert decode(sent(served)["image"][0]).size == SIZE[::-1]
    session.edit(data, "a fox", mask=(4, 4, 20, 20))  # in pixels of what people see


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (encoded(drawn(), "BMP"), "BMP is sent as PNG"),
        (encoded(drawn(mode="CMYK"), "JPEG"), r"JPEG \(CMYK\) is sent as JPEG"),
        (
            encoded(drawn(), "GIF", save_all=True, append_images=[drawn().rotate(180)]),
            "of what moves, the first picture is sent",
        ),
    ],
    ids=["BMP", "CMYK", "moving"],
)
def test_what_is_converted_is_said(data: bytes, said: str, session: Session) -> None:
    rehearsal = session.rehearse(order_of(parse_keywords("a fox", {"image": [data]})))
    assert any(re.search(said, note) for note in rehearsal.notes)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"<html>", "HTML page"),
        (b"", "empty"),
        (np.zeros((3,)), "no picture"),
        (np.zeros((4, 4, 7)), "no picture"),
        (object(), "of type object is no picture"),
        ("nothing.png", "there is no file"),
        ("#99", "there is no #99"),
    ],
)
def test_what_is_none_is_refused_before_anything_is_sent(
    value: object, why: str, session: Session, served: Served
) -> None:
    with pytest.raises(InputError, match=why):
        session.edit(value, "a fox")
    assert served.posts == 0
    assert len(session.history) == 0


def test_what_lies_in_the_trash_is_said_to(session: Session, served: Served) -> None:
    """With how it comes back: a whole generation, one by its name, or a single picture."""
    session.generate("a fox", model="dall-e-2", size="256x256", output="fox")
    session.generate("a hare", model="dall-e-2", size="256x256", n=2)
    session.trash("#1")
    session.trash("#2.2")
    for ref in ("#1", "fox", "#2.2"):
        with pytest.raises(InputError, match=f"{ref} is in the trash") as caught:
            session.edit(ref, "a hat")
        assert caught.value.next_step() == f"%now restore {ref} brings it back"
    for ref in ("fox", "#2.2"):
        session.restore(ref)
        assert session.picture(ref)
    with pytest.raises(InputError, match="there is no #9"):
        session.picture("#9")
    assert served.posts == 2


@pytest.mark.parametrize("mask", ["10,20", "10, 20, 30", "(1,2,3,4,5)", "（10，20）", "1.5,2,30,40"])
def test_a_box_that_lacks_something_is_no_box(mask: str, session: Session, served: Served) -> None:
    """And no reference either: it is said what a box is."""
    with pytest.raises(InputError, match="is no box") as caught:
        session.edit(drawn(), "a fox", mask=mask)
    assert caught.value.next_step() == "give left,top,right,bottom in pixels of the picture"
    assert served.posts == 0


def test_a_model_that_takes_no_picture_names_those_of_this_relay_that_do(session: Session, served: Served) -> None:
    with pytest.raises(InputError, match=r"(?s)dall-e-3 .* takes nothing as picture.*gpt-image-2 ") as caught:
        session.edit(drawn(), "a fox", model="dall-e-3")
    assert "dall-e-3 " not in caught.value.next_step()
    with pytest.raises(InputError, match="takes nothing as mask"):
        session.edit(drawn(), "a fox", model="doubao-seedream-4-5", mask=BOX)
    assert served.posts == 0


def test_of_a_misspelt_model_it_is_said_that_it_is_not_known(session: Session, served: Served) -> None:
    """Not that it takes no mask, which nobody knows; the model that was meant is named, if it takes one."""
    with pytest.raises(InputError, match="gpt-imag-2 is not known here, and so it is given nothing as mask") as caught:
        session.edit(drawn(), "a fox", model="gpt-imag-2", mask=BOX)
    assert caught.value.next_step().startswith("did you mean gpt-image-2? models here that do: gpt-image-2 $0.0400, ")
    with pytest.raises(InputError, match="is not known here") as caught:
        session.edit(drawn(), "a fox", model="dalle-3", mask=BOX)
    assert "dall-e-3" not in caught.value.next_step()
    assert served.posts == 0


# Masks


@pytest.mark.slow
@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(region(), id="bool"),
        pytest.param(region().astype(np.uint8), id="0 and 1"),
        pytest.param(region() * np.uint8(255), id="0 to 255"),
        pytest.param(region().astype(float), id="0.0 to 1.0"),
        pytest.param(BOX, id="box"),
        pytest.param([(16, 8, 30, 40), (30, 8, 48, 40)], id="boxes"),
        pytest.param("16,8,48,40", id="words"),
        pytest.param("（16，8，48，40）", id="full-width words"),
        pytest.param(tuple(np.array(BOX)), id="box of NumPy's numbers"),
        pytest.param(region()[:, :, None], id="bool H×W×1"),
        pytest.param(Image.fromarray(region() * np.uint8(255)), id="PIL L"),
        pytest.param(Image.fromarray(region()), id="PIL 1"),
        pytest.param(encoded(Image.fromarray(region() * np.uint8(255)).convert("RGB")), id="bytes"),
    ],
)
def test_a_mask_has_one_form_whatever_it_is_given_as(mask: Any, session: Session, served: Served) -> None:
    """It goes out as OpenAI wants it, transparent in exactly these pixels; and all of these are the same request."""
    session.edit(drawn(), "a fox", mask=mask, size="1024x1024")
    hole = np.asarray(decode(sent(served)["mask"][0]).convert("RGBA"))[:, :, 3] == 0
    assert (hole == region()).all()
    session.edit(drawn(), "a fox", mask=region(), size="1024x1024", reuse=True)
    assert served.posts == 1


def test_a_mask_of_openai_is_one_too(session: Session, served: Served, tmp_path: Path) -> None:
    """A file that is transparent where to repaint, as their own guide has it."""
    ground = drawn(mode="RGBA")
    ground.putalpha(Image.fromarray(~region() * np.uint8(255)))
    ground.save(tmp_path / "mask.png")
    session.edit(drawn(), "a fox", mask=tmp_path / "mask.png")
    hole = np.asarray(decode(sent(served)["mask"][0]).convert("RGBA"))[:, :, 3] == 0
    assert (hole == region()).all()


def test_a_mask_of_another_size_is_brought_to_it_where_its_shape_is_the_same(session: Session, served: Served) -> None:
    small = Image.fromarray(region()).resize((32, 24))
    order = order_of(parse_keywords("a fox", {"image": [drawn()], "mask": small}))
    assert "the mask was brought from 32x24 to 64x48" in session.rehearse(order).notes
    with pytest.raises(InputError, match=r"48x64.*64x48"):
        session.edit(drawn(), "a fox", mask=Image.fromarray(region().T))
    assert served.posts == 0


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        (np.zeros(SIZE[::-1], bool), "the mask is empty"),
        ((100, 100, 200, 200), "the mask is empty"),
        ((40, 8, 16, 40), "is no box"),
        ((1, 2, 3), "is no box"),
        ((float("nan"), 0, 1, 1), "is no box"),
        (b"no picture", "given as mask cannot be used"),
    ],
)
def test_a_mask_that_is_none_is_refused(mask: Any, why: str, session: Session, served: Served) -> None:
    with pytest.raises(InputError, match=why):
        session.edit(drawn(), "a fox", mask=mask)
    with pytest.raises(InputError, match="a mask needs a picture"):
        session.generate("a fox", mask=mask)
    assert served.posts == 0


# Outside of the mask


def edited(session: Session, **how: Any) -> tuple[Picture, Generation]:
    made = session.generate("a fox", size="1024x1024")
    return made.pictures[0], session.edit(made, "a blue owl", mask=(200, 200, 600, 600), **how)


def test_outside_of_the_mask_all_stays_and_what_came_is_kept_beside(session: Session, served: Served) -> None:
    """Even where the relay changes everything: the picture that counts is the original but for the region."""
    before, made = edited(session, params={"demo": {"fault": "no_mask"}})
    laid, came = made.outputs
    assert isinstance(laid, Picture)
    assert isinstance(came, Picture)
    assert made.pictures == (laid,)
    assert (made.status, laid.ref, came.ref, laid.is_side, came.is_side) == ("done", "#2.1", "#2.2", False, True)
    assert differing(before.pil(), laid.pil()) == (200, 200, 600, 600)
    assert came.changed_outside is not None
    assert came.changed_outside > 0.9
    assert laid.changed_outside is None
    assert "changed outside" not in caption_of(made)
    assert laid.revised_prompt == came.revised_prompt
    assert session.history["#2"].outputs == made.outputs
    assert served.posts == 2


def test_without_that_the_caption_says_what_share_changed(session: Session) -> None:
    before, made = edited(session, keep_outside=False, params={"demo": {"fault": "no_mask"}})
    (came,) = made.pictures
    assert differing(before.pil(), came.pil()) != (200, 200, 600, 600)
    assert f"{100 * (came.changed_outside or 0):.0f} % changed outside of the mask" in caption_of(made)


@pytest.mark.slow
def test_a_relay_that_ignores_masks_is_remembered(session: Session, served: Served, tmp_path: Path) -> None:
    """In the next kernel, too, it is said before paying; and forgotten when it heeds one."""
    edited(session, params={"demo": {"fault": "no_mask"}})
    order = order_of(parse_keywords("x", {"image": ["#1"], "mask": "10,10,500,500", "model": "gpt-image-2"}))

    def is_told(one: Session) -> bool:
        return any("takes a mask as a hint" in note for note in one.rehearse(order).notes)

    with new_session(tmp_path, served.url) as other:
        assert is_told(other)
        job = other.place(order_of(parse_keywords("an owl", {"image": ["#1"], "mask": (10, 10, 1000, 500)})))
        assert job.result(30).status == "done"
        assert any("takes a mask as a hint" in note for note in job.notes)
        assert not is_told(other)


def test_an_answer_of_another_shape_counts_as_it_came(session: Session) -> None:
    """Nothing can be laid back over it; that is said, and costs nobody the picture."""
    made = session.generate("a fox", size="1024x1024")
    job = session.place(
        order_of(parse_keywords("an owl", {"image": ["#1"], "mask": (9, 9, 99, 99), "size": "1536x1024"}))
    )
    came = job.result(30)
    assert came.status == "done"
    assert [(one.width, one.is_side) for one in came.pictures] == [(1536, False)]
    assert any("could not be kept" in note and "1536" in note for note in job.notes)
    assert made.pictures[0].bytes()


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), MemoryError()])
def test_whatever_hinders_it_what_was_paid_for_is_there(
    problem: Exception, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise problem

    monkeypatch.setattr(_outside, "lay_back", fail)
    monkeypatch.setattr(_outside, "share_changed", fail)
    _, made = edited(session)
    assert (made.status, [one.is_side for one in made.outputs]) == ("done", [False])


def test_labels_and_colours_stay_when_the_original_is_laid_back(session: Session) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    original = encoded(drawn((256, 256)), icc_profile=icc)
    made = session.edit(original, "a fox", mask=(9, 9, 99, 99), size="1024x1024")
    laid = made.pictures[0]
    assert laid.pil().info["icc_profile"] == icc
    assert b"compositeWithTrainedAlgorithmicMedia" in laid.bytes()
    assert (laid.width, laid.height) == (256, 256)


# The same again, another version, and lines that do it


@pytest.mark.slow
def test_again_orders_the_very_same_once_more(session: Session, served: Served) -> None:
    made = session.generate("a fox", n=2, quality="low", params={"moderation": "low"})
    first = session.edit(made, "an owl", mask=(9, 9, 500, 500))
    again = session.again(first)
    assert again.ref != first.ref
    assert replace(again.request, model=None).fingerprint() == first.request.fingerprint()
    assert again.parents == first.parents
    assert "from #1.1" in session.rehearse(order_again(session.record_of(first))).notes
    assert len(again.outputs) == 2
    assert session.again("#1.2").params == made.params
    assert served.posts == 4


def test_what_was_given_is_kept_so_that_an_edit_can_be_made_again(served: Served, tmp_path: Path) -> None:
    """In another kernel, when the file that it was is long gone."""
    with new_session(tmp_path, served.url) as session:
        drawn().save(tmp_path / "photo.bmp")
        session.edit(tmp_path / "photo.bmp", "a fox", mask=BOX, size="1024x1024")
    first = sent(served)
    (tmp_path / "photo.bmp").unlink()
    with new_session(tmp_path, served.url) as session:
        session.again("#1")
    assert sent(served) == first


def test_again_in_a_cell_that_is_run_again_shows_what_it_made(served: Served, tmp_path: Path) -> None:
    """After a restart, as every cell; what it repeats is no answer to it, in however many requests it was ordered."""
    current = [Execution(serial="")]
    for kernel in "12":
        with new_session(tmp_path, served.url, execution=lambda: current[0]) as session:
            current[0] = Execution(serial=f"{kernel}a", cell="a")
            made = session.generate("a fox", model="dall-e-3", n=3)
            current[0] = Execution(serial=f"{kernel}b", cell="b")
            again = session.again(made)
            assert len(again.pictures) == 3
            assert not {one.sha256 for one in again.pictures} & {one.sha256 for one in made.pictures}
        assert served.posts == 6
    with new_session(tmp_path, served.url) as session:
        assert {one.origin for one in [session.again("#1", fresh=True)]} == {"bought"}


def test_a_cell_that_edits_says_so(session: Session) -> None:
    """`keep_outside` and all other options read back from the line that `%now cell` writes."""
    made = session.edit(drawn(), "a fox", mask=BOX, keep_outside=False, quality="low")
    line, _, body = cell_text(made.request).partition("\n")
    assert "--keep-outside off" in line
    parsed = parse_cell(line.removeprefix("%%nowimage "), body)
    assert parsed.options["keep_outside"] is False


def test_variations_where_the_model_has_them(session: Session, served: Served) -> None:
    made = session.generate("a fox", model="dall-e-2", size="512x512")
    varied = session.vary(made, model="dall-e-2", size="512x512")
    assert called(served) == "/v1/images/variations"
    assert varied.parents == (made.id,)
    assert session.vary(made).model == "dall-e-2"  # the one that made it
    session.vary(made, "at dusk", model="gpt-image-2")  # which has none, and is asked for an edit
    assert called(served) == "/v1/images/edits"


@pytest.mark.parametrize("wish", [{"status": 501}, {"status": 404}, {"code": "model_not_found"}])
def test_where_the_relay_has_no_variations_an_edit_is_offered(
    wish: dict[str, Any], session: Session, served: Served
) -> None:
    made = session.generate("a fox", model="dall-e-2", size="512x512")
    with pytest.raises(NowImageError) as caught:
        session.vary(made, model="dall-e-2", params={"demo": wish})
    assert caught.value.billed == "no"
    assert "no variations of dall-e-2" in caught.value.next_step()
    assert "%nowimage -m gpt-image-2 -i #1 another version" in caught.value.next_step()


def test_a_press_without_such_a_button_names_those_that_there_are(session: Session) -> None:
    session.generate("a fox")
    with pytest.raises(InputError, match="no button U1"):
        session.press("#1", "U1")


def test_the_family_of_a_picture_is_shown(session: Session) -> None:
    made = session.generate("a fox", size="1024x1024")
    session.edit(made, "an owl", mask=(9, 9, 99, 99))
    tree = session.history.tree(made)
    assert "└─ #2 · edit, mask · an owl" in repr(tree)
    assert tree._repr_mimebundle_()["text/html"].count("<img") == 2
    assert (
        tree._repr_mimebundle_()["text/html"].count('width="64" style="min-width:64px"') == 2
    )  # in a narrow cell, too
    assert session.history.tree(session.history[-1].pictures[0]).parents == (made,)


def test_verbs_wait_as_generate_does(session: Session) -> None:
    """They are called on threads of the user's, too."""
    made = session.generate("a fox")
    found: list[Generation] = []
    threads = [threading.Thread(target=lambda: found.append(session.edit(made, "an owl"))) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert len(found) == 2
