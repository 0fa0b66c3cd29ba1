"""Take Telegram sessions from a TeleGate pool, one holder at a time.

>>> import telegate
>>> pool = telegate.Pool("http://127.0.0.1:8080", "the API key")
>>> with pool.session(wait=True) as session:
...     print(session.session_id, session.session_name)

Only the standard library is used. Threads may share a Pool.
"""

from pkgutil import extend_path

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

__all__ = [
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
