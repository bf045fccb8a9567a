"""Rows B: what is wrong with the body of an answer."""

from __future__ import annotations

from ._defence import Defence

__all__ = ["BODIES"]

_EXCHANGE = "now_jupyter/_transport/_exchange.py"
_ANSWERS = "now_jupyter/_transport/_answers.py"
_BODIES = "now_jupyter/_transport/_bodies.py"
_KEEPING = "now_jupyter/_runner/_keeping.py"
_PERFORMANCE = "now_jupyter/_runner/_performance.py"
_ENGINE = "now_jupyter/_engines/_openai.py"
_B = "tests/faults/test_b_bodies.py::"
_BOUNDS = "tests/faults/test_b_bounds.py::"

BODIES = (
    Defence(
        row="B1",
        says="the bytes of an answer are kept before anybody looks at them",
        path=_ANSWERS,
        before="                self._keeping.write(unpacked)\n",
        after="",
        test=_B + "test_a_body_that_is_none_is_kept_and_told",
    ),
    Defence(
        row="B1",
        says="a raw answer is kept until all that was asked for is safe",
        path=_PERFORMANCE,
        before="if self.record.status is Status.DONE:  # of",
        after="if True:  # of",
        test=_B + "test_a_body_that_is_none_is_kept_and_told",
    ),
    Defence(
        row="B1",
        says="a broken packing is told, and the answer kept",
        path=_BODIES,
        before="            except zlib.error:\n                self.is_readable = False\n",
        after="            except zlib.error:\n                pass\n",
        test=_B + "test_a_body_that_is_none_is_kept_and_told",
    ),
    Defence(
        row="B1",
        says="JSON that is nested without end",
        path=_BODIES,
        before="    except RecursionError:\n        pass\n    raise ValueError",
        after="    except ZeroDivisionError:\n        pass\n    raise ValueError",
        test=_B + "test_a_body_that_is_none_is_kept_and_told",
    ),
    Defence(
        row="B1",
        says="what is whole in a cut answer is collected",
        path=_ANSWERS,
        before='return (replace(reply, body={"data": items}) if items else None), []',
        after="return None, []",
        test=_B + "test_what_was_kept_of_a_cut_answer_is_looked_at_again",
    ),
    Defence(
        row="B2",
        says="a body that is the picture itself",
        path=_ANSWERS,
        before="if (mime := image_type(data)) is not None:",
        after="if (mime := None) is not None:",
        test=_B + "test_what_can_be_used_is_used",
    ),
    Defence(
        row="B2",
        says="JSON behind a byte-order mark",
        path=_BODIES,
        before='codecs.getincrementaldecoder("utf-8-sig")',
        after='codecs.getincrementaldecoder("utf-8")',
        test=_B + "test_what_can_be_used_is_used",
    ),
    Defence(
        row="B2",
        says="JSON that calls itself a stream",
        path=_ANSWERS,
        before='return _media_type(head) == EVENT_STREAM and not start.lstrip().startswith((b"{", b"["))',
        after="return _media_type(head) == EVENT_STREAM",
        test=_B + "test_what_can_be_used_is_used",
    ),
    Defence(
        row="B2",
        says="a body that is said to be packed and is not",
        path=_BODIES,
        before="        if start.startswith(_GZIP):",
        after="        if True:",
        test=_B + "test_what_can_be_used_is_used",
    ),
    Defence(
        row="B2",
        says="deflate without its head",
        path=_BODIES,
        before="zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS",
        after="zlib.MAX_WBITS",
        test=_B + "test_what_can_be_used_is_used",
    ),
    Defence(
        row="B3",
        says="fewer pictures than asked for are told",
        path=_KEEPING,
        before="    if here < expected:\n",
        after="    if False:\n",
        test=_B + "test_items_in_every_form_are_taken",
    ),
    Defence(
        row="B3",
        says="fewer pictures than asked for are not done",
        path=_KEEPING,
        before="if here == len(record.kept) and here >= max(expected, 1):",
        after="if here == len(record.kept) and here:",
        test=_B + "test_items_in_every_form_are_taken",
    ),
    Defence(
        row="B3",
        says="items of no use are passed over",
        path=_ENGINE,
        before="    if not source:\n        return None\n",
        after="",
        test=_B + "test_items_in_every_form_are_taken",
    ),
    Defence(
        row="B3",
        says="an answer without a picture is told",
        path=_ENGINE,
        before="    if not found:\n        raise _no_picture(reply)\n",
        after="",
        test=_B + "test_items_in_every_form_are_taken",
    ),
    Defence(
        row="B3",
        says="links that are data, and base64 under other names",
        path=_ENGINE,
        before='            if text.startswith("data:"):\n                return text, "base64"\n',
        after="",
        test=_B + "test_items_in_every_form_are_taken",
    ),
    Defence(
        row="B4",
        says="a broken item goes into quarantine",
        path=_KEEPING,
        before="        store.quarantine(_raw(found) if data is None else data, reason=problem.message())\n",
        after="",
        test=_B + "test_one_broken_item_does_not_cost_the_others",
    ),
    Defence(
        row="B4",
        says="a broken item does not cost the others",
        path=_PERFORMANCE,
        before="            self._lost[announced.index] = problem\n",
        after="            raise\n",
        test=_B + "test_one_broken_item_does_not_cost_the_others",
    ),
    Defence(
        row="B5",
        says="bytes as they come are held to the cap",
        path=_ANSWERS,
        before="        if self._size > JSON_CAP:\n",
        after="        if False:\n",
        test=_BOUNDS + "test_what_unpacks_to_nothing_is_counted_too",
    ),
    Defence(
        row="B5",
        says="what is unpacked is held to the cap",
        path=_BODIES,
        before="        if self._size > self._cap:\n",
        after="        if False:\n",
        test=_BOUNDS + "test_what_is_unpacked_is_held_to_the_cap",
    ),
    Defence(
        row="B5",
        says="little is unpacked at once",
        path=_BODIES,
        before="packed.decompress(chunk, _PIECE)",
        after="packed.decompress(chunk)",
        test=_BOUNDS + "test_memory_stays_bounded_under_bombs",
    ),
    Defence(
        row="B5",
        says="a document of a million values",
        path=_BODIES,
        before='    if sum(text.count(sign) for sign in ",[{") > _MOST_VALUES:\n',
        after="    if False:\n",
        test=_BOUNDS + "test_memory_stays_bounded_under_bombs",
    ),
    Defence(
        row="B5",
        says="a refusal is read as far as it is shown",
        path=_EXCHANGE,
        before="cap=ERROR_CAP, excess=_enough)",
        after="cap=1 << 40, excess=_enough)",
        test=_BOUNDS + "test_a_refusal_is_read_as_far_as_it_is_shown",
    ),
    Defence(
        row="B5",
        says="a body has one deadline over everything",
        path=_ANSWERS,
        before="with from_network(self._judge), self._until.scope():",
        after="with from_network(self._judge):",
        test=_BOUNDS + "test_slow_bodies_end_at_the_deadline",
    ),
)
