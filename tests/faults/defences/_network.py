"""Rows N: the network before, while and after an order goes out."""

from __future__ import annotations

from ._defence import Defence

__all__ = ["NETWORK"]

_REFUSALS = "now_jupyter/_transport/_refusals.py"
_EXCHANGE = "now_jupyter/_transport/_exchange.py"
_ANSWERS = "now_jupyter/_transport/_answers.py"
_BODIES = "now_jupyter/_transport/_bodies.py"
_WIRE = "now_jupyter/_transport/_wire.py"
_MISHAPS = "now_jupyter/_transport/_mishaps.py"
_N = "tests/faults/test_n_network.py::"

NETWORK = (
    Defence(
        row="N1",
        says="what was not sent is tried again",
        path=_EXCHANGE,
        before="return error.code != CERTIFICATE and error.status is None",
        after="return False",
        test=_N + "test_where_nothing_was_sent_it_is_tried_again",
    ),
    Defence(
        row="N1",
        says="what was not sent was not billed",
        path=_WIRE,
        before='return self.attempt.phase != "connecting"',
        after="return True",
        test=_N + "test_a_machine_without_a_network_is_told_so",
    ),
    Defence(
        row="N1",
        says="connecting has a limit of its own",
        path="now_jupyter/_transport/__init__.py",
        before='{"connect": self._connecting,',
        after='{"connect": None,',
        test=_N + "test_a_connection_that_nobody_answers_is_given_up",
    ),
    Defence(
        row="N1",
        says="a proxy's password is not shown",
        path=_WIRE,
        before="return None if self._proxy is None else origin_of(self._proxy)",
        after="return self._proxy",
        test=_N + "test_where_nothing_was_sent_it_is_tried_again",
    ),
    Defence(
        row="N2",
        says="certificates are checked",
        path=_WIRE,
        before="verify=tls(self._origin), http1=True",
        after="verify=False, http1=True",
        test=_N + "test_a_bad_certificate_is_final",
    ),
    Defence(
        row="N2",
        says="a bad certificate is not tried again",
        path=_EXCHANGE,
        before="return error.code != CERTIFICATE and error.status is None",
        after="return error.status is None",
        test=_N + "test_a_bad_certificate_is_final",
    ),
    Defence(
        row="N2",
        says="a bad certificate is told with its cure",
        path=_MISHAPS,
        before="    if _any(chain, ssl.SSLCertVerificationError):\n",
        after="    if False:\n",
        test=_N + "test_a_bad_certificate_is_final",
    ),
    Defence(
        row="N3",
        says="from the first byte on nothing is repeated",
        path=_WIRE,
        before='return self.attempt.phase != "connecting"',
        after="return False",
        test=_N + "test_what_breaks_once_sent_is_never_sent_again",
    ),
    Defence(
        row="N3",
        says="silence ends at the deadline",
        path=_EXCHANGE,
        before="opening.deadline = anyio.current_time() + until.left()",
        after="opening.deadline = anyio.current_time() + 3600",
        test=_N + "test_what_breaks_once_sent_is_never_sent_again",
    ),
    Defence(
        row="N3",
        says="an order has a fresh connection",
        path=_WIRE,
        before="Line(partial(self._transport, 0))",
        after="Line(partial(self._transport, _KEPT_ALIVE))",
        test=_N + "test_no_order_goes_out_over_a_used_connection",
    ),
    Defence(
        row="N3",
        says="an order of unknown outcome stands in the way of its like",
        path="now_jupyter/_orders/_planning.py",
        before='if decision.kind == "unsettled" and decision.candidate is not None:',
        after="if False:",
        test=_N + "test_an_order_of_unknown_outcome_stands_in_the_way_of_its_like",
    ),
    Defence(
        row="N3",
        says="an order of unknown outcome is not bought again",
        path="now_jupyter/_reuse.py",
        before='        if unsettled:\n            return Decision(kind="unsettled"',
        after='        if False:\n            return Decision(kind="unsettled"',
        test=_N + "test_an_order_of_unknown_outcome_stands_in_the_way_of_its_like",
    ),
    Defence(
        row="N4",
        says="an early refusal is that refusal",
        path=_REFUSALS,
        before="    413: _too_large,\n",
        after="    413: _unclear,\n",
        test=_N + "test_odd_networks_work",
    ),
    Defence(
        row="N4",
        says="a packing is known by its beginning as a whole",
        path=_BODIES,
        before="            if len(chunk) < len(_GZIP):\n",
        after="            if False:\n",
        test=_N + "test_an_answer_may_come_byte_by_byte",
    ),
    Defence(
        row="N4",
        says="a dead first address of a link is passed over",
        path="now_jupyter/_download/_dial.py",
        before="            except (httpcore.ConnectError, httpcore.ConnectTimeout):\n                continue\n",
        after="            except ZeroDivisionError:\n                continue\n",
        test=_N + "test_a_link_whose_first_address_is_dead_works",
    ),
)
