"""Rows V: what is typed."""

from __future__ import annotations

from ._defence import Defence

__all__ = ["INPUT"]

_READERS = "now_jupyter/_options/_readers.py"
_PARSING = "now_jupyter/_options/_parsing.py"
_ADDRESSES = "now_jupyter/_transport/_addresses.py"
_SECRET = "now_jupyter/_secret.py"
_MEDIA = "now_jupyter/_media/__init__.py"
_BAD_INPUT = "tests/faults/test_v_input.py::test_what_cannot_be_sent_is_refused_unrecorded"
_BYTE_FOR_BYTE = "tests/faults/test_v_input.py::test_odd_prompts_arrive_byte_for_byte"
_OUT_OF_CELLS = "tests/faults/test_v_input.py::test_odd_prompts_are_taken_out_of_cells_as_they_stand"
_BAD_KEYS = "tests/faults/test_v_settings.py::test_a_key_that_is_none_is_refused_and_not_echoed"
_KEY_TYPED = "tests/faults/test_v_settings.py::test_a_key_in_the_notebook_is_refused_with_advice"
_BAD_ADDRESSES = "tests/faults/test_v_settings.py::test_an_address_is_made_normal_or_refused"
_BAD_PICTURES = "tests/faults/test_v_settings.py::test_a_picture_that_is_none_never_blocks"
_LINKS = "tests/faults/test_v_settings.py::test_a_link_is_not_followed_however_it_comes_about"

INPUT = (
    Defence(
        row="V1",
        says="no prompt at all",
        path=_READERS,
        before="if not prompt.strip():",
        after="if False:",
        test=_BAD_INPUT,
    ),
    Defence(
        row="V1",
        says="a prompt of more than 64 KiB",
        path=_READERS,
        before="if size > _LONGEST_PROMPT_BYTES:",
        after="if False:",
        test=_BAD_INPUT,
    ),
    Defence(
        row="V1",
        says="a NUL in the text",
        path=_READERS,
        before='if "\\0" in text:',
        after="if False:",
        test=_BAD_INPUT,
    ),
    Defence(
        row="V1",
        says="an unknown option",
        path=_PARSING,
        before="if one is None or _is_long_with_one_dash(flag):",
        after="if one is None:\n        return option('help')\n    if _is_long_with_one_dash(flag):",
        test=_BAD_INPUT,
    ),
    Defence(
        row="V1",
        says="options that contradict each other",
        path=_PARSING,
        before='if "reuse" in options and "fresh" in options:',
        after="if False:",
        test=_BAD_INPUT,
    ),
    Defence(
        row="V1",
        says="a field that is given as an option and by -p",
        path=_PARSING,
        before="        if one.field in fields:",
        after="        if False:",
        test=_BAD_INPUT,
    ),
    Defence(
        row="V1",
        says="a number of pictures out of all bounds",
        path=_READERS,
        before="return number if least <= number <= most else None",
        after="return number",
        test=_BAD_INPUT,
    ),
    Defence(
        row="V1",
        says="a bad place for --save does not cost the picture",
        path="now_jupyter/_orders/__init__.py",
        before="problem.billed = whole.billed",
        after="pass",
        test="tests/faults/test_v_input.py::test_a_bad_place_to_save_does_not_cost_the_picture",
    ),
    Defence(
        row="V2",
        says="a prompt goes out with its blanks",
        path=_READERS,
        before="    return prompt\n",
        after="    return prompt.strip()\n",
        test=_BYTE_FOR_BYTE,
    ),
    Defence(
        row="V2",
        says="a prompt is recorded as it is, in whatever characters",
        path="now_jupyter/_records.py",
        before='prompt=fields.text("prompt") or "",',
        after='prompt=" ".join((fields.text("prompt") or "").split()),',
        test=_BYTE_FOR_BYTE,
    ),
    Defence(
        row="V2",
        says="only one final newline of a cell is not the prompt's",
        path=_PARSING,
        before='body.removesuffix("\\n")',
        after="body.strip()",
        test=_OUT_OF_CELLS,
    ),
    Defence(
        row="V2",
        says="IPython expands no $key and {name} in a line",
        path="now_jupyter/_magics.py",
        before="    @no_var_expand\n",
        after="",
        test=_OUT_OF_CELLS,
    ),
    Defence(
        row="V2",
        says="IPython takes nothing out of a cell for itself",
        path="now_jupyter/_rewriting.py",
        before="        return lines if kept == whole else kept",
        after="        return lines",
        test=_OUT_OF_CELLS,
    ),
    Defence(
        row="V3",
        says="a placeholder is no key",
        path=_SECRET,
        before="    if _PLACEHOLDER.fullmatch(bare):",
        after="    if False:",
        test=_BAD_KEYS,
    ),
    Defence(
        row="V3",
        says="a key with characters that no key has",
        path=_SECRET,
        before="if not _PRINTABLE.fullmatch(bare) or len(bare) > _LONGEST:",
        after="if False:",
        test=_BAD_KEYS,
    ),
    Defence(
        row="V3",
        says="a bad key is not repeated",
        path=_SECRET,
        before='"the key from {source} holds blanks or characters that no key has",\n',
        after='f"the key {bare!r} from {{source}} holds blanks or characters that no key has",\n',
        test=_BAD_KEYS,
    ),
    Defence(
        row="V3",
        says="a public address wants a key",
        path="now_jupyter/_connection.py",
        before="if key is None and not is_loopback(address):",
        after="if False:",
        test=_BAD_KEYS,
    ),
    Defence(
        row="V3",
        says="a key that was typed into the notebook",
        path=_READERS,
        before="if _KEY_OF_AN_API.search(text):",
        after="if False:",
        test=_KEY_TYPED,
    ),
    Defence(
        row="V3",
        says="an option that names a credential",
        path=_READERS,
        before="if _CREDENTIAL.match(text):",
        after="if False:",
        test=_KEY_TYPED,
    ),
    Defence(
        row="V4",
        says="plain http to a public host",
        path=_ADDRESSES,
        before='if parts.scheme == "http" and not _is_near(host):',
        after="if False:",
        test=_BAD_ADDRESSES,
    ),
    Defence(
        row="V4",
        says="an address with a user name, password, query or fragment",
        path=_ADDRESSES,
        before="if parts.username is not None or parts.password is not None or parts.query or parts.fragment:",
        after="if False:",
        test=_BAD_ADDRESSES,
    ),
    Defence(
        row="V4",
        says="an address of another scheme",
        path=_ADDRESSES,
        before="if scheme and scheme[1].lower() not in _DEFAULT_PORTS:",
        after="if False:",
        test=_BAD_ADDRESSES,
    ),
    Defence(
        row="V4",
        says="a full endpoint is cut down to its root",
        path=_ADDRESSES,
        before='prefix = _ENDPOINT.sub("", path.rstrip("/")).rstrip("/")',
        after='prefix = path.rstrip("/")',
        test=_BAD_ADDRESSES,
    ),
    Defence(
        row="V5",
        says="a pipe as a picture is not waited for",
        path=_MEDIA,
        before='("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")',
        after='("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")',
        test=_BAD_PICTURES,
    ),
    Defence(
        row="V5",
        says="a pipe or device as a picture is not read",
        path=_MEDIA,
        before="if not stat.S_ISREG(facts.st_mode):",
        after="if False:",
        test=_BAD_PICTURES,
    ),
    Defence(
        row="V5",
        says="a huge file as a picture is not read",
        path=_MEDIA,
        before="if facts.st_size > MOST_BYTES:",
        after="if False:",
        test=_BAD_PICTURES,
    ),
    Defence(
        row="V5",
        says="a file that has become a link is not followed",
        path=_MEDIA,
        before='("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")',
        after='("O_NONBLOCK", "O_CLOEXEC", "O_BINARY")',
        test=_LINKS,
    ),
    Defence(
        row="V5",
        says="a link is not followed where the system has no O_NOFOLLOW",
        path=_MEDIA,
        before="if path.is_symlink():",
        after="if path.is_symlink() and False:",
        test=_LINKS,
    ),
)
