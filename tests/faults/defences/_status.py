"""Rows H: what a relay answers instead of pictures, by status."""

from __future__ import annotations

from ._defence import Defence

__all__ = ["STATUS"]

_REFUSALS = "now_jupyter/_transport/_refusals.py"
_EXCHANGE = "now_jupyter/_transport/_exchange.py"
_WIRE = "now_jupyter/_transport/_wire.py"
_MISHAPS = "now_jupyter/_transport/_mishaps.py"
_H = "tests/faults/test_h_status.py::"
_SEND = "        return await self._transport.handle_async_request(request)"
# One of the library's clients in place of the bare transport, doing what such clients do.
_SEND = "        return await self._transport.handle_async_request(request)"
_FOLLOWING = (
    "        client = httpx.AsyncClient(transport=self._transport, follow_redirects=True)\n"
    "        return await client.send(request, stream=True)"
)
_WITH_COOKIES = (
    '        jar = self.__dict__.setdefault("jar", httpx.Cookies())\n'
    "        jar.set_cookie_header(request)\n"
    "        answer = await self._transport.handle_async_request(request)\n"
    "        answer.request = request\n"
    "        jar.extract_cookies(answer)\n"
    "        return answer"
)

STATUS = (
    Defence(
        row="H1",
        says="a known refusal wins over its status",
        path=_REFUSALS,
        before="if (made := _BY_CODE.get(facts.code.lower())) is not None:",
        after="if (made := _BY_CODE.get(facts.code.lower())) is not None and facts.status < _SERVER_ERROR:",
        test=_H + "test_a_refusal_of_the_request_is_final_and_free",
    ),
    Defence(
        row="H1",
        says="a refusal of the request was not billed",
        path=_REFUSALS,
        before="    if facts.status >= _CLIENT_ERROR:\n        return _rejected\n",
        after="    if facts.status >= _CLIENT_ERROR:\n        return _unclear\n",
        test=_H + "test_a_refusal_of_the_request_is_final_and_free",
    ),
    Defence(
        row="H1",
        says="a refusal whose body never comes is judged by its status",
        path=_EXCHANGE,
        before="with suppress(NowImageError), from_network(",
        after="with from_network(",
        test=_H + "test_a_refusal_is_known_by_its_status_alone",
    ),
    Defence(
        row="H2",
        says="401 is the key's",
        path=_REFUSALS,
        before="    401: _key_refused,\n",
        after="",
        test=_H + "test_a_refused_key_names_where_it_came_from",
    ),
    Defence(
        row="H2",
        says="403 is the key's",
        path=_REFUSALS,
        before="    403: _not_allowed,\n",
        after="",
        test=_H + "test_a_refused_key_names_where_it_came_from",
    ),
    Defence(
        row="H2",
        says="where a refused key came from is named",
        path=_REFUSALS,
        before='"the relay refuses the key from {source}: {words}",',
        after='"the relay refuses the key: {words}",',
        test=_H + "test_a_refused_key_names_where_it_came_from",
    ),
    Defence(
        row="H2",
        says="the key is taken out of what a relay says, packed, parted or not",
        path=_REFUSALS,
        before="veil = key.veil if key else str",
        after="veil = str",
        test=_H + "test_a_refused_key_names_where_it_came_from",
    ),
    Defence(
        row="H3",
        says="402 is money",
        path=_REFUSALS,
        before="    402: _no_money,\n",
        after="",
        test=_H + "test_no_money_is_no_rate_limit",
    ),
    Defence(
        row="H3",
        says="a 429 with a code of quota is no rate limit",
        path=_REFUSALS,
        before='(_no_money, "insufficient_quota insufficient_user_quota pre_consume_token_quota_failed"),',
        after='(_no_money, "insufficient_user_quota pre_consume_token_quota_failed"),',
        test=_H + "test_no_money_is_no_rate_limit",
    ),
    Defence(
        row="H3",
        says="a 429 with a type of quota is no rate limit",
        path=_REFUSALS,
        before="if made is not None and (made is _no_money or facts.status not in _BY_STATUS):",
        after="if made is not None and facts.status not in _BY_STATUS:",
        test=_H + "test_no_money_is_no_rate_limit",
    ),
    Defence(
        row="H4",
        says="nobody waits longer than 60 s because a relay says so",
        path=_EXCHANGE,
        before="return None if pause > LONGEST_WAIT else pause",
        after="return pause",
        test=_H + "test_a_rate_limit_is_waited_for_within_limits",
    ),
    Defence(
        row="H4",
        says="a rate limit is waited for as long as it asks",
        path=_EXCHANGE,
        before="pause = self._backoff() if self.asked is None else self.asked",
        after="pause = self._backoff()",
        test=_H + "test_a_rate_limit_is_waited_for_within_limits",
    ),
    Defence(
        row="H4",
        says="a Retry-After that is no sane number",
        path=_REFUSALS,
        before="return value if math.isfinite(value) and value >= 0 else None",
        after="return value",
        test=_H + "test_a_rate_limit_is_waited_for_within_limits",
    ),
    Defence(
        row="H4",
        says="a paid call is sent three times at most",
        path=_EXCHANGE,
        before="if self._turn >= (PAID_REPEATS if self.paid else FREE_REPEATS) or not self._may_repeat(error):",
        after="if self._turn >= FREE_REPEATS or not self._may_repeat(error):",
        test=_H + "test_a_rate_limit_is_waited_for_within_limits",
    ),
    Defence(
        row="H4",
        says="whoever waits for a rate limit can leave",
        path="now_jupyter/_job.py",
        before="            one.stop()\n",
        after="            pass\n",
        test=_H + "test_a_wait_for_a_rate_limit_can_be_left",
    ),
    Defence(
        row="H5",
        says="a 5xx may have been billed",
        path=_REFUSALS,
        before="    if facts.status >= _SERVER_ERROR:\n        return _unclear\n",
        after="    if facts.status >= _SERVER_ERROR:\n        return _rejected\n",
        test=_H + "test_an_unclear_status_may_have_been_billed",
    ),
    Defence(
        row="H5",
        says="408 may have been billed",
        path=_REFUSALS,
        before="    408: _unclear,\n",
        after="",
        test=_H + "test_an_unclear_status_may_have_been_billed",
    ),
    Defence(
        row="H5",
        says="409 may have been billed",
        path=_REFUSALS,
        before="    409: _unclear,\n",
        after="",
        test=_H + "test_an_unclear_status_may_have_been_billed",
    ),
    Defence(
        row="H5",
        says="425 may have been billed",
        path=_REFUSALS,
        before="    425: _unclear,\n",
        after="",
        test=_H + "test_an_unclear_status_may_have_been_billed",
    ),
    Defence(
        row="H5",
        says="what may have been billed is never sent again",
        path=_EXCHANGE,
        before="return not self.paid and isinstance(error, BadResponseError) and is_passing",
        after="return is_passing",
        test=_H + "test_an_unclear_status_may_have_been_billed",
    ),
    Defence(
        row="H6",
        says="a redirect of a call is not followed",
        path=_WIRE,
        before=_SEND,
        after=_FOLLOWING,
        test=_H + "test_a_redirect_of_a_call_is_not_followed",
    ),
    Defence(
        row="H6",
        says="a redirect is told as a wrong address",
        path=_REFUSALS,
        before="return _redirected if facts.status >= 300 else _contradiction",
        after="return _contradiction",
        test=_H + "test_a_redirect_of_a_call_is_not_followed",
    ),
    Defence(
        row="H7",
        says="an error in an answer of success is told",
        path=_EXCHANGE,
        before="if error_in(reply.body):",
        after="if False:",
        test=_H + "test_success_that_is_none",
    ),
    Defence(
        row="H7",
        says="an error in an answer of success may have been billed",
        path=_REFUSALS,
        before="return _redirected if facts.status >= 300 else _contradiction",
        after="return _redirected if facts.status >= 300 else _rejected",
        test=_H + "test_success_that_is_none",
    ),
    Defence(
        row="H7",
        says="cookies are dropped",
        path=_WIRE,
        before=_SEND,
        after=_WITH_COOKIES,
        test=_H + "test_success_that_is_none",
    ),
    Defence(
        row="H8",
        says="an answer that is no HTTP becomes an error of ours",
        path=_MISHAPS,
        before="    httpx.HTTPError,\n",
        after="    httpx.TimeoutException,\n",
        test=_H + "test_a_malformed_answer_may_have_been_billed",
    ),
    Defence(
        row="H8",
        says="an endless head ends at the deadline",
        path=_EXCHANGE,
        before="opening.deadline = anyio.current_time() + until.left()",
        after="opening.deadline = anyio.current_time() + 3600",
        test=_H + "test_endless_interim_answers_end_at_the_deadline",
    ),
)
