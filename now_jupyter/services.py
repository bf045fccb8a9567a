"""What a service is, for plug-ins: subclass `Service`, name a value of it in the entry points, and `check` it.

    [project.entry-points."now_jupyter.services.v1"]
    my-service = "my_package:MyService"

The name of the entry point is the service's `name`, and what `--service` takes. In the plug-in's tests:

    from now_jupyter.services import Ask, Listed, Reply, Request, check
    service = MyService()
    ask = Ask(request=Request(prompt="a fox"), offer=service.offer(Listed(name="my-model")))
    check(service, [ask], [Reply(body={"data": [{"url": "https://example.org/fox.png"}]})])
"""

from __future__ import annotations

from . import _protocol
from ._json import JSON, Fields, Texts
from ._messages import (
    AuthError,
    BadResponseError,
    InputError,
    MaybeBilledError,
    NowImageError,
    QuotaError,
    RateLimitError,
    RejectedError,
    TaskFailed,
    TaskLost,
    TaskNeedsAction,
    TaskStillPending,
)
from ._protocol import *  # noqa: F403 - all of it is for plug-ins
from ._services import (
    Exchange,
    Reading,
    begin_task,
    check,
    fields,
    follow_pictures,
    follow_task,
    form_of,
    outputs_in,
    poll_task,
    raw_fields,
    read_pictures,
    require_output,
    require_prompt,
    settle,
    task_in,
)

__all__ = [
    "JSON",
    "AuthError",
    "BadResponseError",
    "Exchange",
    "Fields",
    "InputError",
    "MaybeBilledError",
    "NowImageError",
    "QuotaError",
    "RateLimitError",
    "Reading",
    "RejectedError",
    "TaskFailed",
    "TaskLost",
    "TaskNeedsAction",
    "TaskStillPending",
    "Texts",
    "begin_task",
    "check",
    "fields",
    "follow_pictures",
    "follow_task",
    "form_of",
    "outputs_in",
    "poll_task",
    "raw_fields",
    "read_pictures",
    "require_output",
    "require_prompt",
    "settle",
    "task_in",
]
__all__ += _protocol.__all__
