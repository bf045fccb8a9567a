"""Rows K: interrupts, restarts, forks, outputs."""

from __future__ import annotations

from ._defence import Defence

__all__ = ["KERNELS"]

_BRIDGE = "now_jupyter/_bridge.py"
_REUSE = "now_jupyter/_reuse.py"
_DISPLAY = "now_jupyter/_display/__init__.py"
_IN_K_KERNELS = "tests/faults/test_k_kernels.py::"
_IN_RERUNS_UNDER_FIRE = "tests/faults/test_reruns_under_fire.py::"

KERNELS = (
    Defence(
        row="K1",
        says="the handler before is put back",
        path=_BRIDGE,
        before="            signal.signal(signal.SIGINT, bell.before)\n",
        after="            pass\n",
        test=_IN_K_KERNELS + "test_after_waiting_an_interrupt_is_handled_as_before",
    ),
    Defence(
        row="K1",
        says="after a sleep new orders wait",
        path="now_jupyter/_orders/_buying.py",
        before="                await self._settled_after_sleep(job)\n",
        after="",
        test=_IN_K_KERNELS + "test_after_a_sleep_new_orders_wait_for_what_was_under_way",
    ),
    Defence(
        row="K2",
        says="an order that was left is not ordered again",
        path=_REUSE,
        before='        if unsettled:\n            return Decision(kind="unsettled"',
        after='        if False:\n            return Decision(kind="unsettled"',
        test=_IN_K_KERNELS + "test_a_restart_while_an_order_is_pending_is_reported",
    ),
    Defence(
        row="K2",
        says="a forked child sends nothing",
        path=_BRIDGE,
        before="            if os.getpid() != self._process:\n                raise",
        after="            if False:\n                raise",
        test=_IN_K_KERNELS + "test_a_forked_child_does_nothing",
        hangs=True,
    ),
    Defence(
        row="K2",
        says="unloading takes everything out",
        path="now_jupyter/_rewriting.py",
        before="                hooks.remove(hook)\n",
        after="                pass\n",
        test=_IN_K_KERNELS + "test_loading_twice_hooks_once",
    ),
    Defence(
        row="K2",
        says="an order that died with its answer on disk is joined",
        path="now_jupyter/_history.py",
        before="    if record.state is not None or store.answer(record.number) is not None or record.kept:\n",
        after="    if record.state is not None:\n",
        test=_IN_RERUNS_UNDER_FIRE + "test_run_all_joins_an_order_that_died_with_its_answer",
    ),
    Defence(
        row="K3",
        says="a late picture comes into its own cell",
        path=_DISPLAY,
        before="        self._job.on_done(lambda job: Context().run(self._arrive, job))\n",
        after="",
        test=_IN_K_KERNELS + "test_a_late_picture_appears_in_its_own_cell",
    ),
    Defence(
        row="K3",
        says="an order under way is joined",
        path=_REUSE,
        before="        if job := self._joinable(equal, place, first=first):\n",
        after="        if (job := self._joinable(equal, place, first=first)) and False:\n",
        test=_IN_K_KERNELS + "test_a_late_picture_appears_in_its_own_cell",
    ),
    Defence(
        row="K4",
        says="the picture itself is in the notebook",
        path=_DISPLAY,
        before='    if how in ("preview", "full") and generation.pictures:\n',
        after="    if False:\n",
        test=_IN_K_KERNELS + "test_a_notebook_run_by_a_program_shows_its_pictures_without_a_kernel",
    ),
)
