"""Rows T: tasks, asked for until they are done."""

from __future__ import annotations

from ._defence import Defence

__all__ = ["TASKS"]

_RUNNER_PERFORMANCE = "now_jupyter/_runner/_performance.py"
_ENGINES_PACE = "now_jupyter/_engines/_pace.py"
_RUNNER_KEEPING = "now_jupyter/_runner/_keeping.py"
_TRANSPORT_REFUSALS = "now_jupyter/_transport/_refusals.py"
_IN_T_TASKS = "tests/faults/test_t_tasks.py::"

TASKS = (
    Defence(
        row="T1",
        says="the task is on disk before it is followed",
        path=_RUNNER_PERFORMANCE,
        before=(
            '                self.record = replace(self.record, state=dict(state), billed="yes")\n'
            "                await self._write()\n"
        ),
        after='                self.record = replace(self.record, state=dict(state), billed="yes")\n',
        test=_IN_T_TASKS + "test_a_kill_after_the_submit_loses_nothing",
    ),
    Defence(
        row="T1",
        says="the raw answer knows the task before the record does",
        path="now_jupyter/_runner/__init__.py",
        before="        if (stored := await to_thread.run_sync(Replay.of, self.store, record.number)) is not None:\n",
        after="        stored = None\n        if stored is not None:\n",
        test=_IN_T_TASKS + "test_a_kill_after_the_submit_loses_nothing",
    ),
    Defence(
        row="T1",
        says="a resumed task is not submitted",
        path=_RUNNER_PERFORMANCE,
        before="        if self._replay is not None:\n            return self._replay.reply\n",
        after="",
        test=_IN_T_TASKS + "test_a_kill_after_the_submit_loses_nothing",
    ),
    Defence(
        row="T2",
        says="half an hour and no longer",
        path=_RUNNER_PERFORMANCE,
        before="        if self._runner.stopwatch() - self._began <= self._runner.task_limit:\n",
        after="        if True:\n",
        test=_IN_T_TASKS + "test_a_task_that_never_ends_is_left_after_half_an_hour",
    ),
    Defence(
        row="T2",
        says="the first poll comes after 2 s",
        path=_ENGINES_PACE,
        before="_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 10.0",
        after="_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0",
        test=_IN_T_TASKS + "test_a_task_that_never_ends_is_left_after_half_an_hour",
    ),
    Defence(
        row="T2",
        says="polls become more seldom",
        path=_ENGINES_PACE,
        before="min(_LONGEST_PAUSE, self._pause * _GROWTH)",
        after="self._pause",
        test=_IN_T_TASKS + "test_a_task_that_never_ends_is_left_after_half_an_hour",
    ),
    Defence(
        row="T2",
        says="polls become no more seldom than every 10 s",
        path=_ENGINES_PACE,
        before="min(_LONGEST_PAUSE, self._pause * _GROWTH)",
        after="self._pause * _GROWTH",
        test=_IN_T_TASKS + "test_a_task_that_never_ends_is_left_after_half_an_hour",
    ),
    Defence(
        row="T2",
        says="an order that is left is pending",
        path=_RUNNER_KEEPING,
        before="    if isinstance(error, TaskStillPending | TaskNeedsAction):\n",
        after="    if isinstance(error, TaskNeedsAction):\n",
        test=_IN_T_TASKS + "test_a_task_that_never_ends_is_left_after_half_an_hour",
    ),
    Defence(
        row="T2",
        says="who waits for a task can leave",
        path="now_jupyter/_job.py",
        before="            one.stop()\n",
        after="            pass\n",
        test=_IN_T_TASKS + "test_a_task_that_goes_on_keeps_nobody_waiting",
    ),
    Defence(
        row="T3",
        says="a task that failed was not billed",
        path=_RUNNER_KEEPING,
        before="    return error.billed\n\n\ndef _status_at_end",
        after="    return record.billed\n\n\ndef _status_at_end",
        test=_IN_T_TASKS + "test_a_task_that_is_given_up_is_not_submitted_again",
    ),
    Defence(
        row="T3",
        says="a task that failed is not asked for again",
        path=_RUNNER_KEEPING,
        before="error is not None and not isinstance(error, _OF_A_TASK)\n\n\ndef",
        after="error is not None\n\n\ndef",
        test=_IN_T_TASKS + "test_a_task_that_is_given_up_is_not_submitted_again",
    ),
    Defence(
        row="T3",
        says="what was delivered is fetched to its end",
        path=_RUNNER_PERFORMANCE,
        before="                except NowImageError as problem:\n                    error = problem\n",
        after=(
            "                except NowImageError as problem:\n"
            "                    saving.cancel_scope.cancel()\n"
            "                    error = problem\n"
        ),
        test=_IN_T_TASKS + "test_what_a_task_delivered_before_it_was_given_up_is_kept",
    ),
    Defence(
        row="T3",
        says="what was delivered was paid for",
        path=_RUNNER_KEEPING,
        before='    if record.kept:\n        return "yes"\n',
        after="",
        test=_IN_T_TASKS + "test_what_a_task_delivered_before_it_was_given_up_is_kept",
    ),
    Defence(
        row="T4",
        says="an order that needs a decision is pending",
        path=_RUNNER_KEEPING,
        before="    if isinstance(error, TaskStillPending | TaskNeedsAction):\n",
        after="    if isinstance(error, TaskStillPending):\n",
        test=_IN_T_TASKS + "test_unknown_words_mean_that_it_goes_on",
    ),
    Defence(
        row="T4",
        says="a decision is the user's",
        path=_RUNNER_PERFORMANCE,
        before="            case Need(kind, message):\n",
        after="            case Need(kind, message):\n                if kind:\n                    return None\n",
        test=_IN_T_TASKS + "test_unknown_words_mean_that_it_goes_on",
    ),
    Defence(
        row="T5",
        says="an id may be unknown for a minute",
        path=_ENGINES_PACE,
        before="_TOLERATED = 60.0",
        after="_TOLERATED = 6.0",
        test=_IN_T_TASKS + "test_a_task_that_vanishes_is_tolerated_for_a_minute",
    ),
    Defence(
        row="T5",
        says="an id that stays unknown is lost",
        path=_ENGINES_PACE,
        before="        if self._unknown_for > _TOLERATED:\n",
        after="        if False:\n",
        test=_IN_T_TASKS + "test_a_task_that_vanishes_is_tolerated_for_a_minute",
    ),
    Defence(
        row="T5",
        says="a lost task may have been billed",
        path="now_jupyter/_errors.py",
        before='    """The service no longer knows the task."""\n\n    billed: Billed = "maybe"\n',
        after='    """The service no longer knows the task."""\n',
        test=_IN_T_TASKS + "test_a_task_that_vanishes_is_tolerated_for_a_minute",
    ),
    Defence(
        row="T6",
        says="a poll that fails is asked again",
        path=_RUNNER_PERFORMANCE,
        before="_PASSING = (BadResponseError, ConnectFailed, RateLimitError)",
        after="_PASSING = (ConnectFailed, RateLimitError)",
        test=_IN_T_TASKS + "test_polls_are_asked_again",
    ),
    Defence(
        row="T6",
        says="a rate limit of polls is waited for",
        path=_RUNNER_PERFORMANCE,
        before="_PASSING = (BadResponseError, ConnectFailed, RateLimitError)",
        after="_PASSING = (BadResponseError, ConnectFailed)",
        test=_IN_T_TASKS + "test_polls_are_asked_again",
    ),
    Defence(
        row="T6",
        says="a refused key ends the polling, not the task",
        path=_RUNNER_KEEPING,
        before="    return record.state is not None and error is not None and not isinstance(error, _OF_A_TASK)",
        after="    return False",
        test=_IN_T_TASKS + "test_polls_are_asked_again",
    ),
    Defence(
        row="T6",
        says="a refused key does not lower what is known of the money",
        path=_RUNNER_KEEPING,
        before=(
            "    if record.state is not None and not isinstance(error, _OF_A_TASK):\n        return record.billed\n"
        ),
        after="",
        test=_IN_T_TASKS + "test_polls_are_asked_again",
    ),
    Defence(
        row="T7",
        says="a refusal of the service lowers what the record says",
        path=_RUNNER_KEEPING,
        before="    return error.billed\n\n\ndef _status_at_end",
        after="    return record.billed\n\n\ndef _status_at_end",
        test=_IN_T_TASKS + "test_what_a_submit_says_is_understood",
    ),
    Defence(
        row="T7",
        says="a full queue is a rate limit",
        path=_TRANSPORT_REFUSALS,
        before="    429: _too_many,\n",
        after="",
        test=_IN_T_TASKS + "test_a_submit_may_also_be_refused_by_its_status",
    ),
    Defence(
        row="T7",
        says="a code that stands in the description",
        path=_TRANSPORT_REFUSALS,
        before="    told = _word(message) or code if not code or code.isdigit() else code\n",
        after="    told = code\n",
        test=_IN_T_TASKS + "test_a_submit_may_also_be_refused_by_its_status",
    ),
    Defence(
        row="T7",
        says="a queue that stays full ends in an error",
        path="now_jupyter/_transport/_exchange.py",
        before="PAID_REPEATS, FREE_REPEATS = 2, 3",
        after="PAID_REPEATS, FREE_REPEATS = 5, 6",
        test=_IN_T_TASKS + "test_a_submit_may_also_be_refused_by_its_status",
    ),
)
