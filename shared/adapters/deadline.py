"""The last thing before the wire: a request that comes to it too late is not sent.

A fence is worth something only if what follows it follows soon. Between the two the SDK may ask for a token, and
again after a challenge of ARM: that takes as long as it takes.
"""

from collections.abc import Callable
from typing import Any

from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import CustomHookPolicy

OPTION = "send_by"
"""Keyword of an SDK call: when its request must have been handed to the transport, by the monotonic clock."""


class SentTooLateError(Exception):
    """Nothing was sent, this time: the deadline had passed."""


class SendBy(CustomHookPolicy[Any, Any]):
    """The SDK's policy for hooks, which runs after that of the tokens; it must never let a late request through.

    A `raw_request_hook` would not do: azure-core forgets it after the first sending of a request, so that a second
    one, after a challenge, would pass (CustomHookPolicy.on_request).
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._monotonic = monotonic

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Raise SentTooLateError if the request's deadline has passed; one without a deadline goes on."""
        # Options reach the transport, which does not know this one; the context stays with a request sent again.
        send_by = request.context.options.pop(OPTION, None) or request.context.get(OPTION)
        if send_by is not None:
            request.context[OPTION] = send_by
            late = self._monotonic() - send_by
            if late > 0:
                raise SentTooLateError(f"it was ready {late:.1f} s after its deadline")
        super().on_request(request)
