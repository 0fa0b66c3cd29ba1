"""What can go wrong, by what to do about it."""

from __future__ import annotations

from pkgutil import extend_path
from typing import Any, Optional

# The generated stubs have a package of this name too, telegate.errors.v1.
__path__ = extend_path(__path__, __name__)


class TelegateError(Exception):
    """Anything that goes wrong with the pool. Of this very class: a fault that has no class of its own here."""

    def __init__(
        self,
        message: str,
        *,
        status: Optional[int] = None,
        detail: Any = None,
        trace_id: Optional[str] = None,
        uncertain: bool = False,
    ) -> None:
        super().__init__(message)
        #: The HTTP status; None when there was no answer.
        self.status = status
        #: What the gateway says: a text, or for an invalid request a list of the fields at fault.
        self.detail = detail
        #: The trace to look at, in the gateway's logs and where its traces are kept.
        self.trace_id = trace_id
        #: Whether the call may have taken effect all the same.
        self.uncertain = uncertain


class NotAuthorised(TelegateError):
    """401 or 403: the API key is missing, wrong or revoked, or lacks the right to this call. Do not repeat it."""


class InvalidRequest(TelegateError):
    """422: the gateway does not understand the call; `detail` names the fields. Do not repeat it."""


class PoolUnavailable(TelegateError):
    """The gateway or the pool can not be reached, or is too busy, and was not after several attempts. Try later."""

    def __init__(self, message: str, *, retry_after: Optional[float] = None, **more: Any) -> None:
        super().__init__(message, **more)
        #: Seconds to wait before the next attempt; None when nobody said.
        self.retry_after = retry_after


class NoFreeSession(TelegateError):
    """No session is free now, or none was until the timeout."""

    def __init__(
        self, message: str, *, in_floodwait: int = 0, next_release_in: Optional[float] = None, **more: Any
    ) -> None:
        super().__init__(message, **more)
        #: How many sessions were told by Telegram to wait.
        self.in_floodwait = in_floodwait
        #: Seconds until the nearest may be free; None when none has an end in sight.
        self.next_release_in = next_release_in


class LeaseOver(TelegateError):
    """The time of a session is over or it was released: somebody else may have it by now. Stop using it."""
