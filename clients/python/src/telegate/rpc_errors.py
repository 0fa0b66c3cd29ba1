"""What the mesh answers in place of a result, by what to do about it. Needs grpcio."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple, Type

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from .errors import LeaseOver, NoFreeSession, NotAuthorised, TelegateError

_DETAILS = "grpc-status-details-bin"


class MeshError(TelegateError):
    """Any refusal of the mesh. Of this very class: one that has no class of its own here; see `reason`."""

    #: The gRPC status, as `grpc.StatusCode.ABORTED`.
    code: grpc.StatusCode
    #: The name of a telegate.errors.v1.ErrorReason without its prefix, as `FLOOD_WAIT`; empty when none came.
    reason: str
    #: What belongs to the reason, as `method` and `seconds` of a flood wait.
    metadata: Mapping[str, str]
    #: Seconds after which it may work; None when nobody said.
    retry_after: Optional[float]
    #: The fields at fault and what is wrong with each.
    field_violations: List[Tuple[str, str]]

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        metadata: Optional[Mapping[str, str]] = None,
        retry_after: Optional[float] = None,
        field_violations: Optional[List[Tuple[str, str]]] = None,
        trace_id: Optional[str] = None,
        uncertain: bool = False,
    ) -> None:
        TelegateError.__init__(self, message, trace_id=trace_id, uncertain=uncertain)
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after
        self.field_violations = list(field_violations or [])


class FloodWait(MeshError):
    """Telegram asked this account to wait: do not try before `retry_after`."""


class NoSessionFree(MeshError, NoFreeSession):
    """No session that fits is free now, or the queue is full."""

    def __init__(self, message: str, **more: object) -> None:
        MeshError.__init__(self, message, **more)  # type: ignore[arg-type]
        self.in_floodwait = int(self.metadata.get("flood_wait", "0"))
        self.next_release_in = self.retry_after


class SessionLeased(MeshError):
    """Somebody else holds the session: see `metadata["holder"]`."""


class LeaseLost(MeshError, LeaseOver):
    """The lease has ended: stop using the session at once."""


class KeyRefused(MeshError, NotAuthorised):
    """The API key is missing, wrong or revoked, or lacks the scope `metadata["scope"]`."""


class NotFound(MeshError):
    """There is no such thing, or it is another tenant's."""


class InvalidField(MeshError):
    """The request breaks a rule: see `field_violations`. Do not repeat it."""


class WrongCode(MeshError):
    """The login code or the password is wrong; `metadata["attempts_left"]` says how often one may try."""


class AccountUnusable(MeshError):
    """Somebody must act: the account needs a login, is banned or frozen, or has no proxy."""


class QuotaExceeded(MeshError):
    """A limit is used up; free again after `retry_after`, where that is known."""


class Unavailable(MeshError):
    """The mesh, what it needs, or Telegram can not be reached. With `uncertain` the call may have taken effect:
    repeat it with the same request id."""


_CLASSES: Dict[str, Type[MeshError]] = {
    "FLOOD_WAIT": FloodWait,
    "NO_FREE_SESSION": NoSessionFree,
    "QUEUE_FULL": NoSessionFree,
    "SESSION_LEASED": SessionLeased,
    "LEASE_LOST": LeaseLost,
    "CREDENTIALS_MISSING": KeyRefused,
    "CREDENTIALS_INVALID": KeyRefused,
    "SCOPE_MISSING": KeyRefused,
    "NOT_FOUND": NotFound,
    "INVALID_FIELD": InvalidField,
    "REQUEST_ID_REUSED": InvalidField,
    "LOGIN_CODE_WRONG": WrongCode,
    "NEEDS_LOGIN": AccountUnusable,
    "ACCOUNT_BANNED": AccountUnusable,
    "SESSION_UNUSABLE": AccountUnusable,
    "NO_EGRESS": AccountUnusable,
    "QUOTA_EXCEEDED": QuotaExceeded,
    "TOO_MANY_STREAMS": QuotaExceeded,
    "BREAKER_OPEN": Unavailable,
    "TELEGRAM_UNREACHABLE": Unavailable,
    "GOING_AWAY": Unavailable,
    "DEPENDENCY_UNAVAILABLE": Unavailable,
    "DEADLINE_EXCEEDED": Unavailable,
}
#: The call did nothing, for certain.
_NOTHING_DONE = ("GOING_AWAY", "BREAKER_OPEN")


def mesh_error(error: Any) -> MeshError:
    """What a grpc.RpcError of a call means."""
    code: grpc.StatusCode = error.code()
    trailers: Dict[str, Any] = dict(error.trailing_metadata() or ())
    trace_id = trailers.get("trace-id") or dict(error.initial_metadata() or ()).get("trace-id")
    info = error_details_pb2.ErrorInfo()
    retry = error_details_pb2.RetryInfo()
    bad = error_details_pb2.BadRequest()
    retry_after: Optional[float] = None
    violations: List[Tuple[str, str]] = []
    for detail in _details(trailers.get(_DETAILS)):
        if detail.Unpack(info):
            continue
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
        elif detail.Unpack(bad):
            violations = [(one.field, one.description) for one in bad.field_violations]
    reason = info.reason if info.domain == "telegate" else ""
    made = _CLASSES.get(reason) or (Unavailable if code in _AWAY else MeshError)
    said = error.details() or code.name
    if violations:
        said = "; ".join(f"{field}: {why}" for field, why in violations)
    return made(
        said,
        code=code,
        reason=reason,
        metadata=info.metadata,
        retry_after=retry_after,
        field_violations=violations,
        trace_id=trace_id if isinstance(trace_id, str) else None,
        uncertain=code in _AWAY and reason not in _NOTHING_DONE,
    )


_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


def _details(raw: object) -> List[Any]:
    if not isinstance(raw, bytes):
        return []
    try:
        return list(status_pb2.Status.FromString(raw).details)
    except DecodeError:  # Of something in between, say: the status alone must do.
        return []
