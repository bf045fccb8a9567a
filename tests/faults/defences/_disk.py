"""Rows S: the disk."""

from __future__ import annotations

from ._defence import Defence

__all__ = ["DISK"]

_STORE_PLACE = "now_jupyter/_store/_place.py"
_ORDERS_BUYING = "now_jupyter/_orders/_buying.py"
_STORE_FILES = "now_jupyter/_store/_files.py"
_RUNNER_PERFORMANCE = "now_jupyter/_runner/_performance.py"
_STORE_INDEX = "now_jupyter/_store/_index.py"
_STORE = "now_jupyter/_store/__init__.py"
_RECORDS = "now_jupyter/_records.py"
_IN_S_STORAGE = "tests/faults/test_s_storage.py::"
_IN_S_AFTER_PAYING = "tests/faults/test_s_after_paying.py::"
_IN_S_SPILLED = "tests/faults/test_s_spilled.py::"
_IN_S_BEHIND = "tests/faults/test_s_behind.py::"
_IN_KILL_POINTS = "tests/faults/test_kill_points.py::"
_IN_TWO_KERNELS = "tests/faults/test_two_kernels.py::"
_IN_HOSTILE_DATA = "tests/faults/test_hostile_data.py::"
_IN_RERUNS_UNDER_FIRE = "tests/faults/test_reruns_under_fire.py::"

DISK = (
    Defence(
        row="S1",
        says="nothing is bought without room for it",
        path=_STORE_PLACE,
        before="    if space.total and space.free < need_bytes:\n",
        after="    if False:\n",
        test=_IN_S_STORAGE + "test_nothing_is_sent_where_there_is_no_room",
    ),
    Defence(
        row="S1",
        says="the store is proved before anything is bought",
        path=_ORDERS_BUYING,
        before="        await to_thread.run_sync(home.store.preflight)\n",
        after="",
        test=_IN_S_STORAGE + "test_nothing_is_sent_where_there_is_no_room",
    ),
    Defence(
        row="S1",
        says="what cannot be written is found before paying",
        path=_STORE_FILES,
        before='_UNAVAILABLE = _codes("EROFS", ',
        after="_UNAVAILABLE = _codes(",
        test=_IN_S_STORAGE + "test_nothing_is_sent_where_nothing_can_be_written",
    ),
    Defence(
        row="S1",
        says="a full disk is told as one",
        path=_STORE_FILES,
        before='_FULL = _codes("ENOSPC", "EDQUOT", "EFBIG")',
        after='_FULL = _codes("EDQUOT", "EFBIG")',
        test=_IN_S_STORAGE + "test_nothing_is_sent_where_the_intent_cannot_be_written",
    ),
    Defence(
        row="S2",
        says="what the history cannot take goes elsewhere",
        path=_RUNNER_PERFORMANCE,
        before="        except StoreError as problem:\n            error = problem\n        runner = self._runner\n",
        after=(
            "        except StoreError:\n"
            "            raise\n"
            "        error = StoreError('')\n"
            "        runner = self._runner\n"
        ),
        test=_IN_S_AFTER_PAYING + "test_a_disk_that_fills_up_after_paying_loses_no_picture[b64-1]",
    ),
    Defence(
        row="S2",
        says="what was rescued comes home",
        path="now_jupyter/_session.py",
        before="        home, problem = self._background.call(self._brought_home)\n",
        after="        home: list[Record] = []\n        problem = None\n",
        test=_IN_S_SPILLED + "test_pictures_of_a_settled_order_come_home",
    ),
    Defence(
        row="S2",
        says="what no disk takes stays in the error",
        path="now_jupyter/_runner/_keeping.py",
        before="        error.rescued = (data,)\n",
        after="",
        test=_IN_S_SPILLED + "test_what_no_disk_takes_stays_in_memory_and_in_the_output",
    ),
    Defence(
        row="S2",
        says="what no disk takes stays in memory",
        path="now_jupyter/_spill.py",
        before="                self._memory[identity, index] = data\n",
        after="                pass\n",
        test=_IN_S_SPILLED + "test_what_no_disk_takes_stays_in_memory_and_in_the_output",
    ),
    Defence(
        row="S2",
        says="a sink that fails does not end the reading",
        path="now_jupyter/_transport/_answers.py",
        before="            action(self._sink)\n        except (NowImageError, OSError):\n",
        after="            action(self._sink)\n        except ZeroDivisionError:\n",
        test=_IN_S_AFTER_PAYING + "test_a_folder_that_goes_while_the_relay_works_loses_nothing",
    ),
    Defence(
        row="S2",
        says="a folder that is gone is not made anew",
        path=_STORE_PLACE,
        before="        if is_missing(self.path):\n            raise StoreUnavailable(",
        after="        if False:\n            raise StoreUnavailable(",
        test=_IN_S_AFTER_PAYING + "test_a_folder_that_goes_while_the_relay_works_loses_nothing",
    ),
    Defence(
        row="S3",
        says="a spoilt index is moved aside and made anew",
        path=_STORE_INDEX,
        before="        self._move_aside(reason)\n        return self._find",
        after="        return self._find",
        test=_IN_S_STORAGE + "test_the_index_stands_in_no_pictures_way[spoilt]",
    ),
    Defence(
        row="S3",
        says="without an index the records are searched",
        path=_STORE,
        before="        except StoreError:  # locked, full,",
        after="        except ZeroDivisionError:  # locked, full,",
        test=_IN_S_STORAGE + "test_the_index_stands_in_no_pictures_way[locked]",
    ),
    Defence(
        row="S3",
        says="an index that is gone is made anew",
        path=_STORE_INDEX,
        before="        if is_missing(self._path):\n            _made_empty(self._path)\n",
        after="",
        test=_IN_S_BEHIND + "test_an_index_that_is_gone_is_made_anew",
    ),
    Defence(
        row="S4",
        says="a record is replaced as a whole or not at all",
        path=_STORE_FILES,
        before="    with _temp_with(data, path) as temp:\n        temp.replace(path)\n",
        after=(
            "    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)\n"
            "    write_all(file, data)\n"
            "    os.close(file)\n"
        ),
        test=_IN_S_BEHIND + "test_a_write_that_fails_leaves_what_was_there",
    ),
    Defence(
        row="S4",
        says="the intent is on disk before anything is sent",
        path=_RUNNER_PERFORMANCE,
        before=(
            '        await self._write(status=Status.RUNNING, billed="maybe", '
            "attempts=(*self.record.attempts, first))\n"
        ),
        after='        self.record = replace(self.record, status=Status.RUNNING, billed="maybe")\n',
        test=_IN_KILL_POINTS + "test_kill_9_at_any_effect_loses_no_picture_and_sends_nothing_twice[b64-1]",
    ),
    Defence(
        row="T1",
        says="an order that died after it was sent may have been billed",
        path="now_jupyter/_history.py",
        before='Status.CANCELLED if record.billed == "no" else Status.UNKNOWN',
        after="Status.CANCELLED",
        test=_IN_KILL_POINTS + "test_an_order_that_died_right_after_it_was_sent_is_marked_and_not_sent_again",
    ),
    Defence(
        row="S5",
        says="who works on an order holds it",
        path=_ORDERS_BUYING,
        before="        if hold is None:\n            return Performed(record)\n        self._live",
        after="        self._live",
        test=_IN_S_STORAGE + "test_two_who_resume_one_order_at_once_fetch_it_once",
    ),
    Defence(
        row="S5",
        says="a number is claimed by one only",
        path=_STORE_FILES,
        before="    try:\n        link(temp, path)\n    except FileExistsError:\n",
        after="    try:\n        temp.replace(path)\n    except FileExistsError:\n",
        test=_IN_S_BEHIND + "test_a_number_is_claimed_once_also_without_a_lock",
    ),
    Defence(
        row="S5",
        says="kernels claim one after another",
        path=_STORE,
        before="        with self._turn_to_claim():\n",
        after="        if True:\n",
        test=_IN_TWO_KERNELS + "test_no_number_is_claimed_while_another_kernel_is_about_to_claim_a_lower_one",
    ),
    Defence(
        row="S5",
        says="two kernels order the same once",
        path=_ORDERS_BUYING,
        before="        if faster is not None:\n",
        after="        if False:\n",
        test=_IN_TWO_KERNELS + "test_two_kernels_with_the_same_cell_order_it_once",
    ),
    Defence(
        row="S6",
        says="one damaged record hides no other",
        path="now_jupyter/_store/_shelf.py",
        before="            except StoreError:\n                damaged.append",
        after="            except ZeroDivisionError:\n                damaged.append",
        test=_IN_S_STORAGE + "test_what_a_user_deletes_or_spoils_hides_nothing_else",
    ),
    Defence(
        row="S6",
        says="changed bytes go to quarantine",
        path=_STORE,
        before="            self._set_aside(target, reason)\n        return not reason",
        after="            return False\n        return not reason",
        test=_IN_S_BEHIND + "test_changed_pictures_are_neither_shown_nor_lost",
    ),
    Defence(
        row="S6",
        says="a picture is looked at before it is shown",
        path="now_jupyter/_media/__init__.py",
        before="    if digest(data) != sha256:\n",
        after="    if False:\n",
        test=_IN_S_BEHIND + "test_changed_pictures_are_neither_shown_nor_lost",
    ),
    Defence(
        row="S6",
        says="names of pictures must be digests",
        path=_RECORDS,
        before="    if value is not None and (len(value) != 64 or not set(value) <= _HEX):",
        after="    if False:",
        test=_IN_HOSTILE_DATA + "test_any_record_is_read_or_refused",
    ),
    Defence(
        row="S7",
        says="numbers come from the folder",
        path=_STORE,
        before=(
            "            for number in range(self._highest() + 1, _LARGEST_NUMBER):\n"
            "                claimed = replace(record, number=number)\n"
            "                hold"
        ),
        after=(
            "            for number in range(int(record.created) + 1, _LARGEST_NUMBER):\n"
            "                claimed = replace(record, number=number)\n"
            "                hold"
        ),
        test=_IN_S_STORAGE + "test_the_clock_may_jump",
    ),
    Defence(
        row="S7",
        says="an index of odd paths",
        path=_STORE_INDEX,
        before='uri = f"{self._path.absolute().as_uri()}?mode=rw"',
        after='uri = f"file:{self._path.absolute()}?mode=rw"',
        test=_IN_S_BEHIND + "test_the_index_lies_in_the_folder_whatever_its_name",
    ),
    Defence(
        row="S7",
        says="a notebook that came loose from its history buys nothing",
        path="now_jupyter/_folder.py",
        before="        if self.in_doubt:\n",
        after="        if False:\n",
        test=_IN_RERUNS_UNDER_FIRE + "test_wherever_a_notebook_goes_its_pictures_are_shown_or_nothing_is_bought",
    ),
    Defence(
        row="S8",
        says="a history of a later version is not written",
        path=_STORE_PLACE,
        before="    if isinstance(number, int) and number > FORMAT:\n",
        after="    if False:\n",
        test=_IN_S_STORAGE + "test_a_newer_history_is_read_and_nothing_is_bought_into_it",
    ),
    Defence(
        row="S8",
        says="a record of a later version is not read as one of ours",
        path=_RECORDS,
        before='        if isinstance(version := form.get("format"), int) and version > FORMAT:',
        after="        if False:",
        test=_IN_S_STORAGE + "test_a_newer_record_is_left_alone",
    ),
    Defence(
        row="S8",
        says="a number above every number that is there",
        path=_STORE,
        before='        folders = ("jobs", "trash", "answers", "locks", "jobs")\n',
        after='        folders = ("trash", "answers", "locks")\n',
        test=_IN_S_STORAGE + "test_a_newer_record_is_left_alone",
    ),
)
