"""The pool, as seen over the gateway's HTTP."""

from __future__ import annotations

import logging
import math
import os
import ssl
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Callable, Iterator, Mapping, Optional, TypeVar

from ._http import Answer, Transport
from ._timing import FIRST_PAUSE, LONGEST_WAIT, Retries, Timing, doubled
from .errors import LeaseOver, NoFreeSession, PoolUnavailable, TelegateError

_log = logging.getLogger("telegate")
_Read = TypeVar("_Read")

#: Between looks when no session has an end in sight: doubled each time.
_FIRST_LOOK, _LONGEST_LOOK = 1.0, 30.0
#: A call that must still be made when the time to wait is over has this long.
_SHORTEST_CALL = 2.0


@dataclass(frozen=True)
class PoolStatus:
    """How many sessions the pool has. Those that are out of it (invalid, banned) count in `total` alone."""

    total: int
    free: int
    in_use: int
    in_floodwait: int
    #: When the next of those that Telegram told to wait is free, in UTC; None when none waits.
    next_available: Optional[datetime]


@dataclass(frozen=True)
class SyncResult:
    """What a comparison of the session folder with the pool changed."""

    new_sessions: int
    removed_sessions: int
    total_sessions: int


class Session:
    """A session that nobody else has until it is released or its time is over. Made by a Pool."""

    def __init__(self, pool: Pool, answer: Answer, asked_at: float) -> None:
        #: The number to name it by in `invalidate`.
        self.session_id: int = int(answer.body["session_id"])
        #: The name of its file, without `.session`.
        self.session_name: str = str(answer.body["session_name"])
        #: Names this taking of it: a release with it frees nothing that was taken later. Empty if none was given.
        self.lease_id: str = answer.headers.get("x-lease-id", "")
        #: Seconds that it was taken for; infinite when the gateway does not say. They can not be prolonged.
        self.ttl: float = float(answer.headers.get("x-lease-ttl", "inf"))
        self._pool = pool
        self._ends_at = asked_at + self.ttl
        self._is_over = False

    @property
    def remaining(self) -> float:
        """Seconds for which it is certainly yours; 0 when it was released or its time is over."""
        return 0.0 if self._is_over else max(0.0, self._ends_at - self._pool._timing.monotonic())

    def check(self) -> None:
        """Raises LeaseOver when somebody else may have it by now. Call it now and then in long work."""
        if self.remaining == 0:
            raise LeaseOver(f"session {self.session_name} was released or its time is over: take one again")

    def release(self) -> None:
        """Gives it back, early too. Again, or after its time, it does nothing: what others took is not freed."""
        if not self._is_over:
            self._pool._release(self.session_id, self.lease_id)
            self._is_over = True

    def invalidate(self) -> None:
        """Takes it out of the pool until it is restored by hand, for when its key does not work any more."""
        self._pool.invalidate(self.session_id)
        self._is_over = True

    def __repr__(self) -> str:
        return f"Session(session_id={self.session_id}, session_name={self.session_name!r})"


class Pool:
    """The sessions behind a gateway. Threads may share it; nothing is connected before the first call.

    :param url: where the gateway is, as `http://127.0.0.1:8080`; TELEGATE_URL when not given.
    :param api_key: a key with the scope pool:lease, and pool:admin for `invalidate` and `sync`;
        TELEGATE_API_KEY when not given.
    :param call_timeout: seconds that the gateway may be silent in one attempt.
    :param retry_for: seconds for which calls to a gateway that can not be reached, or answers 429, 502, 503 or
        504, are repeated; then PoolUnavailable is raised.
    :param ssl_context: for `https` with an authority or a certificate of your own.
    """

    def __init__(
        self,
        url: Optional[str] = None,
        api_key: Optional[str] = None,
        *,
        call_timeout: float = 10.0,
        retry_for: float = 15.0,
        ssl_context: Optional[ssl.SSLContext] = None,
        _timing: Timing = Timing(),
    ) -> None:
        if not call_timeout > 0 or not retry_for >= 0:
            raise ValueError("call_timeout must be above 0, and retry_for not below")
        url = _given(url, "url", "TELEGATE_URL")
        self._transport = Transport(url, _given(api_key, "api_key", "TELEGATE_API_KEY"), ssl_context)
        self._call_timeout = call_timeout
        self._retry_for = retry_for
        self._timing = _timing

    @contextmanager
    def session(self, wait: bool = True, timeout: Optional[float] = None) -> Iterator[Session]:
        """Takes a session for a `with` block and gives it back at the block's end, however that comes.

        When the release fails, the block's result or its exception stands: a warning is logged (logger `telegate`),
        and the session is free when its time is over.

        :param wait: when none is free, sleep as the pool says and ask again; False raises NoFreeSession at once.
        :param timeout: the most seconds to wait, then NoFreeSession; None waits for as long as it takes.
        """
        session = self.acquire(wait, timeout)
        try:
            yield session
        finally:
            self._end(session)

    def acquire(self, wait: bool = True, timeout: Optional[float] = None) -> Session:
        """As `session`, for who calls `release()` by himself.

        An attempt whose answer was lost is repeated with the same Idempotency-Key and gets the session that was
        taken then. Who gives up after a lost answer, or is interrupted, asks once more, to give back what came.
        """
        now = self._timing.monotonic
        give_up_at = math.inf if timeout is None else now() + timeout
        retries = Retries(self._timing, self._retry_for)
        looks = 0
        key, asked_at, is_unsure = _new_key(), now(), False
        try:
            while True:
                if not is_unsure:
                    key, asked_at = _new_key(), now()
                # Whether a session may have been taken with this key; so it is while a request is on its way.
                was_unsure, is_unsure = is_unsure, True
                reason: TelegateError
                try:
                    session = self._take(key, asked_at, max(_SHORTEST_CALL, give_up_at - now()))
                    is_stale = session.remaining < session.ttl / 2
                    if is_stale:
                        # A repeat brought it so late that too little of its time is left to work with, if any.
                        session.release()
                    is_unsure = False
                    if not is_stale:
                        return session
                    continue
                except NoFreeSession as none:
                    is_unsure = was_unsure
                    if not wait:
                        raise
                    looks += 1
                    seconds = doubled(_FIRST_LOOK, _LONGEST_LOOK, looks)
                    if none.next_release_in is not None:
                        seconds = min(max(none.next_release_in, FIRST_PAUSE), LONGEST_WAIT)
                    retries = Retries(self._timing, self._retry_for)
                    reason = none
                except PoolUnavailable as failure:
                    is_unsure = was_unsure or failure.uncertain
                    # With a 503 the gateway lives, and says that what is behind it must be waited for.
                    seconds = retries.pause(failure, is_patient=wait and failure.status == 503)
                    reason = failure
                except TelegateError as refusal:
                    is_unsure = was_unsure or refusal.uncertain
                    raise
                left = give_up_at - now()
                if left <= 0:
                    raise reason
                seconds = min(seconds * self._timing.jitter(), left)
                _log.info("asking again in %.1f s: %s", seconds, reason)
                self._timing.sleep(seconds)
        except BaseException:
            if is_unsure:
                self._give_back_unseen(key, asked_at)
            raise

    def status(self) -> PoolStatus:
        """Counts the sessions. It is of the moment: to get one, ask for one."""
        return _understood(self._repeat("GET", "/status"), _pool_status)

    def invalidate(self, session_id: int) -> None:
        """Takes a session out of the pool until it is restored by hand (`telegate sessions restore`).

        Whoever has it loses it. A session that is out already, or unknown, is no error. Needs pool:admin.
        """
        self._repeat("POST", "/invalidate", {"session_id": session_id})

    def sync(self, timeout: float = 300.0) -> SyncResult:
        """Compares the session folder with the pool now, not only once an hour. Needs pool:admin.

        A TelegateError of status 500 says why the folder or the database could not be read.

        :param timeout: seconds that it may take; a folder of thousands of new files takes some.
        """
        return _understood(self._repeat("POST", "/sync", timeout=timeout), _sync_result)

    def close(self) -> None:
        """Closes idle connections. Sessions that are taken stay taken, and the pool may be used again."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"Pool({self._transport.origin!r})"

    def _take(self, key: str, asked_at: float, timeout: float) -> Session:
        timeout = min(timeout, self._call_timeout)
        answer = self._transport.call("GET", "/session", timeout, headers={"Idempotency-Key": key})
        return _understood(answer, lambda taken: Session(self, taken, asked_at))

    def _give_back_unseen(self, key: str, asked_at: float) -> None:
        try:
            session = self._take(key, asked_at, _SHORTEST_CALL)
            self._release(session.session_id, session.lease_id, retry_for=0)
        except NoFreeSession:
            pass  # There was none.
        except TelegateError as error:
            _log.warning("a session may have been taken and stay so until its time is over: %s", error)

    def _end(self, session: Session) -> None:
        try:
            session.release()
        except Exception as error:
            _log.warning("%r was not released and is free when its time is over: %s", session, error)
        except BaseException:
            # Interrupted: once more, without waiting for anything.
            try:
                self._release(session.session_id, session.lease_id, retry_for=0)
            except TelegateError as error:
                _log.warning("%r may be taken until its time is over: %s", session, error)
            raise

    def _release(self, session_id: int, lease_id: str, retry_for: Optional[float] = None) -> None:
        headers = {"X-Lease-Id": lease_id} if lease_id else {}
        self._repeat("POST", "/release", {"session_id": session_id}, headers, retry_for=retry_for)

    def _repeat(
        self,
        method: str,
        path: str,
        query: Optional[Mapping[str, object]] = None,
        headers: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
        retry_for: Optional[float] = None,
    ) -> Answer:
        """For calls that do the same however often they are made."""
        retries = Retries(self._timing, self._retry_for if retry_for is None else retry_for)
        while True:
            try:
                return self._transport.call(method, path, timeout or self._call_timeout, query, headers)
            except PoolUnavailable as failure:
                self._timing.sleep(retries.pause(failure) * self._timing.jitter())


def _pool_status(answer: Answer) -> PoolStatus:
    body = answer.body
    text = body["next_available"]
    at = None if text is None else datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    return PoolStatus(body["total"], body["free"], body["in_use"], body["in_floodwait"], at)


def _sync_result(answer: Answer) -> SyncResult:
    details = answer.body["details"]
    return SyncResult(details["new_sessions"], details["removed_sessions"], details["total_sessions"])


def _understood(answer: Answer, read: Callable[[Answer], _Read]) -> _Read:
    try:
        return read(answer)
    except (KeyError, TypeError, ValueError) as error:
        said = "the answer is none of TeleGate's gateway: check the URL"
        raise TelegateError(said, status=200, uncertain=True) from error


def _new_key() -> str:
    return str(uuid.uuid4())


def _given(value: Optional[str], name: str, variable: str) -> str:
    found = os.environ.get(variable, "") if value is None else value
    if not found:
        raise ValueError(f"{name} is missing: give it, or set {variable}")
    return found
