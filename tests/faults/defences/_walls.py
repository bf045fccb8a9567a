"""Rows W and X: markup, strangers, other users, and the key."""

from __future__ import annotations

from ._defence import Defence

__all__ = ["WALLS"]

_WORDS = "now_jupyter/_words.py"
_DEMO_SERVE = "now_jupyter/demo/_serve.py"
_STORE_FILES = "now_jupyter/_store/_files.py"
_SECRET = "now_jupyter/_secret.py"
_TRANSPORT_WIRE = "now_jupyter/_transport/_wire.py"
_TRANSPORT_ANSWERS = "now_jupyter/_transport/_answers.py"
_TRANSPORT_MISHAPS = "now_jupyter/_transport/_mishaps.py"
_IN_W_MARKUP = "tests/faults/test_w_markup.py::"
_IN_W_ACCESS = "tests/faults/test_w_access.py::"
_IN_X_SECRETS = "tests/faults/test_x_secrets.py::"
_IN_X_ECHOES = "tests/faults/test_x_echoes.py::"
_IN_X_ORIGIN = "tests/faults/test_x_origin.py::"

WALLS = (
    Defence(
        row="W1",
        says="text from outside is one line without controls",
        path=_WORDS,
        before=(
            "c for c in line if c == _JOINER or unicodedata.category(c) not in _UNSAFE_CATEGORIES)\n    return safe if"
        ),
        after="c for c in line)\n    return safe if",
        test=_IN_W_MARKUP + "test_outputs_are_pictures_and_plain_text",
    ),
    Defence(
        row="W1",
        says="text from outside is one line",
        path=_WORDS,
        before='    line = " ".join(_ESCAPES.sub("", str(text)[: limit * 8]).split())\n',
        after='    line = _ESCAPES.sub("", str(text)[: limit * 8])\n    _UNSAFE_CATEGORIES.discard("Cc")\n',
        test=_IN_W_MARKUP + "test_outputs_are_pictures_and_plain_text",
    ),
    Defence(
        row="W1",
        says="what is printed holds no escapes",
        path=_WORDS,
        before=(
            '    lines = _ESCAPES.sub("", text).split("\\n")\n'
            '    return "\\n".join(\n'
            '        "".join(c for c in line if c in _KEPT or unicodedata.category(c) not in '
            "_UNSAFE_CATEGORIES) for line in lines\n"
            "    )"
        ),
        after="    return text",
        test=_IN_W_MARKUP + "test_outputs_are_pictures_and_plain_text",
    ),
    Defence(
        row="W1",
        says="facts of an error are plain",
        path="now_jupyter/_errors.py",
        before="self.facts = {name: plain(value) for name, value in facts.items()}",
        after="self.facts = dict(facts)",
        test=_IN_W_MARKUP + "test_headers_of_answers_are_plain_too",
    ),
    Defence(
        row="W1",
        says="request ids are plain and short",
        path="now_jupyter/_transport/_refusals.py",
        before='        if value := plain(headers.get(name, ""), _LONGEST_CODE):\n',
        after='        if value := headers.get(name, ""):\n',
        test=_IN_W_MARKUP + "test_headers_of_answers_are_plain_too",
    ),
    Defence(
        row="W1",
        says="a link is shown without its signature",
        path="now_jupyter/_download/_dial.py",
        before='link=bare.partition("?")[0][:80]',
        after="link=bare",
        test=_IN_W_MARKUP + "test_headers_of_answers_are_plain_too",
    ),
    Defence(
        row="W2",
        says="a foreign Host is refused",
        path=_DEMO_SERVE,
        before='        if headers.get("host") != self.authority:\n',
        after="        if False:\n",
        test=_IN_W_ACCESS + "test_the_demo_server_serves_no_stranger",
    ),
    Defence(
        row="W2",
        says="a foreign Origin is refused",
        path=_DEMO_SERVE,
        before='        if headers.get("origin", self.address) != self.address:\n',
        after="        if False:\n",
        test=_IN_W_ACCESS + "test_the_demo_server_serves_no_stranger",
    ),
    Defence(
        row="W2",
        says="forms and texts of web pages are refused",
        path=_DEMO_SERVE,
        before=(
            '        if method == "POST" and not headers.get("content-type", "").lower().startswith(BODY_TYPES):\n'
        ),
        after="        if False:\n",
        test=_IN_W_ACCESS + "test_the_demo_server_serves_no_stranger",
    ),
    Defence(
        row="W2",
        says="methods that nobody needs are refused",
        path=_DEMO_SERVE,
        before='        if method not in ("GET", "POST"):\n',
        after="        if False:\n",
        test=_IN_W_ACCESS + "test_the_demo_server_serves_no_stranger",
    ),
    Defence(
        row="W3",
        says="files are ours alone whatever the umask",
        path=_STORE_FILES,
        before='        if hasattr(os, "fchmod"):\n            os.fchmod(file, 0o600)\n',
        after="        pass\n",
        test=_IN_W_ACCESS + "test_another_user_reads_nothing",
    ),
    Defence(
        row="W3",
        says="folders are closed from their first moment",
        path=_STORE_FILES,
        before="        path.mkdir(mode=0o700)\n",
        after="        path.mkdir()\n",
        test=_IN_W_ACCESS + "test_folders_are_closed_from_their_first_moment",
    ),
    Defence(
        row="W3",
        says="folders are ours whatever the umask",
        path=_STORE_FILES,
        before="    if made or seen.st_mode & _OTHERS_MAY_WRITE:\n",
        after="    if False:\n",
        test=_IN_W_ACCESS + "test_another_user_reads_nothing",
    ),
    Defence(
        row="W3",
        says="a link is no folder",
        path=_STORE_FILES,
        before="    seen = os.lstat(path)\n    if not stat.S_ISDIR(seen.st_mode):\n",
        after="    seen = os.stat(path)\n    if not stat.S_ISDIR(seen.st_mode):\n",
        test=_IN_W_ACCESS + "test_a_link_is_no_folder",
    ),
    Defence(
        row="W3",
        says="a folder of another user is not used",
        path=_STORE_FILES,
        before='    if hasattr(os, "geteuid") and seen.st_uid != os.geteuid():\n',
        after="    if False:\n",
        test=_IN_W_ACCESS + "test_a_folder_of_another_user_is_not_used",
    ),
    Defence(
        row="W3",
        says="a file is looked at before it is opened",
        path=_STORE_FILES,
        before="    _refuse_odd(path, os.lstat(path))  # looked at before, because opening a device can do things\n",
        after="",
        test=_IN_W_ACCESS + "test_a_file_that_changes_while_it_is_opened_is_not_read",
    ),
    Defence(
        row="W3",
        says="a file that has become a link is not followed",
        path=_STORE_FILES,
        before=('_ALWAYS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)'),
        after='_ALWAYS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)',
        test=_IN_W_ACCESS + "test_a_file_that_changes_while_it_is_opened_is_not_read",
    ),
    Defence(
        row="W3",
        says="a file that has become a pipe is not waited for",
        path=_STORE_FILES,
        before='_READ = os.O_RDONLY | _ALWAYS | getattr(os, "O_NONBLOCK", 0) |',
        after="_READ = os.O_RDONLY | _ALWAYS |",
        test=_IN_W_ACCESS + "test_a_file_that_changes_while_it_is_opened_is_not_read",
    ),
    Defence(
        row="W3",
        says="a file that has become a pipe is not read",
        path=_STORE_FILES,
        before="        _refuse_odd(path, os.fstat(file))\n",
        after="        os.fstat(file)\n",
        test=_IN_W_ACCESS + "test_a_file_that_changes_while_it_is_opened_is_not_read",
    ),
    Defence(
        row="W3",
        says="the index is no link",
        path="now_jupyter/_store/_index.py",
        before="        if not is_writable_in_place(path):\n            raise StoreCorrupt",
        after="        if False:\n            raise StoreCorrupt",
        test=_IN_W_ACCESS + "test_the_index_of_somebody_else_is_not_written_through_a_link",
    ),
    Defence(
        row="X1",
        says="the key does not show itself",
        path=_SECRET,
        before='        return "Key(…)"\n',
        after="        return self._text\n",
        test=_IN_X_SECRETS + "test_a_key_is_written_nowhere",
    ),
    Defence(
        row="X1",
        says="the key is not pickled or copied",
        path=_SECRET,
        before='        raise TypeError("a key is not written anywhere")  # pickle and copy ask here\n',
        after="        return object.__reduce_ex__(self, protocol)\n",
        test=_IN_X_SECRETS + "test_a_key_is_written_nowhere",
    ),
    Defence(
        row="X1",
        says="the key goes to its origin only",
        path=_TRANSPORT_WIRE,
        before="if self._key is None or origin_of(str(request.url)) != self._origin:",
        after="if self._key is None:",
        test=_IN_X_ORIGIN + "test_the_key_goes_to_its_own_origin_only",
    ),
    Defence(
        row="X1",
        says="the key is taken out of answers",
        path=_TRANSPORT_WIRE,
        before="        return _veiled(answer, self._key)\n",
        after="        return answer\n",
        test=_IN_X_SECRETS + "test_no_error_log_or_file_holds_the_key",
    ),
    Defence(
        row="X1",
        says="the key is taken out of what was packed",
        path=_TRANSPORT_ANSWERS,
        before="                unpacked = self._veil.feed(piece)\n",
        after="                unpacked = piece\n",
        test=_IN_X_ORIGIN + "test_the_key_is_taken_out_of_packed_answers",
    ),
    Defence(
        row="X1",
        says="the key is taken out of its escaped forms",
        path=_SECRET,
        before="            data = self._escaped.sub(_stars, data)\n",
        after="            pass\n",
        test=_IN_X_ECHOES + "test_the_veil_covers_every_form_wherever_it_is_split",
    ),
    Defence(
        row="X1",
        says="a picture whose texts repeat the key is kept with its pixels",
        path="now_jupyter/_runner/_keeping.py",
        before="    return layout_of(data).bare if repeats_key(data) or (is_veiled and _STARS in data) else data\n",
        after="    return data\n",
        test=_IN_X_ECHOES + "test_a_picture_that_repeats_the_key_is_kept_with_its_pixels",
    ),
    Defence(
        row="X1",
        says="what the HTTP library logs of an answer's head loses the key",
        path=_TRANSPORT_WIRE,
        before="            _TOLD_BY_HTTPCORE.addFilter(self._discreet)\n",
        after="            pass\n",
        test=_IN_X_ECHOES + "test_a_relay_that_repeats_the_key_brings_it_nowhere",
    ),
    Defence(
        row="X1",
        says="a foreign exception does not hang on",
        path=_TRANSPORT_MISHAPS,
        before="            error.__context__ = None\n",
        after="            pass\n",
        test=_IN_X_ORIGIN + "test_a_foreign_exception_does_not_hang_on",
    ),
    Defence(
        row="X1",
        says="what h11 could not read is not quoted",
        path=_TRANSPORT_MISHAPS,
        before='        words = words.partition(":")[0]',
        after="        words = words",
        test=_IN_X_SECRETS + "test_no_error_log_or_file_holds_the_key",
    ),
)
