"""Take Telegram sessions from a TeleGate pool, one holder at a time.

>>> import telegate
>>> pool = telegate.Pool("http://127.0.0.1:8080", "the API key")
>>> with pool.session(wait=True) as session:
...     print(session.session_id, session.session_name)

Pool uses only the standard library. Mesh does everything else, over gRPC:

>>> mesh = telegate.Mesh("127.0.0.1:8080", "the API key")
>>> with mesh.lease(wait=60) as lease:
...     mesh.send_message(lease, "@anna", "Good morning")

Threads may share both.
"""

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

from .errors import (
    InvalidRequest,
    LeaseOver,
    NoFreeSession,
    NotAuthorised,
    PoolUnavailable,
    TelegateError,
)
from .pool import Pool, PoolStatus, Session, SyncResult

# The generated stubs of the mesh have this name too (telegate.session_pool.v1 and others): found all the same.
__path__ = extend_path(__path__, __name__)

if TYPE_CHECKING:
    from .lease import HeldLease
    from .logins import Login
    from .mesh import Mesh
    from .rpc_errors import (
        AccountUnusable,
        FloodWait,
        InvalidField,
        KeyRefused,
        LeaseLost,
        MeshError,
        NoSessionFree,
        NotFound,
        QuotaExceeded,
        SessionLeased,
        Unavailable,
        WrongCode,
    )
    from .watching import MessageWatch

# Imported when first asked for: Pool works without grpcio.
_LAZY = {
    "HeldLease": "lease",
    "Login": "logins",
    "Mesh": "mesh",
    "MessageWatch": "watching",
    **dict.fromkeys(
        (
            "AccountUnusable",
            "FloodWait",
            "InvalidField",
            "KeyRefused",
            "LeaseLost",
            "MeshError",
            "NoSessionFree",
            "NotFound",
            "QuotaExceeded",
            "SessionLeased",
            "Unavailable",
            "WrongCode",
        ),
        "rpc_errors",
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LAZY[name]}", __name__), name)


__all__ = [
    "AccountUnusable",
    "FloodWait",
    "HeldLease",
    "InvalidField",
    "KeyRefused",
    "LeaseLost",
    "Login",
    "Mesh",
    "MeshError",
    "MessageWatch",
    "NoSessionFree",
    "NotFound",
    "QuotaExceeded",
    "SessionLeased",
    "Unavailable",
    "WrongCode",
    "InvalidRequest",
    "LeaseOver",
    "NoFreeSession",
    "NotAuthorised",
    "Pool",
    "PoolStatus",
    "PoolUnavailable",
    "Session",
    "SyncResult",
    "TelegateError",
]
