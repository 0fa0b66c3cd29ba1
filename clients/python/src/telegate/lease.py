"""A session held over a stream, with heartbeats in the background."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Deque, Optional, Type

import grpc
from telegate.session_pool.v1 import lease_pb2
from telegate.session_pool.v1 import session_pool_service_pb2 as pool_pb2

from ._timing import doubled
from .errors import LeaseOver
from .rpc_errors import KeyRefused, LeaseLost, MeshError, Unavailable, mesh_error

if TYPE_CHECKING:
    from .mesh import Mesh

_log = logging.getLogger("telegate")
#: A holder stops by itself this share of the TTL before the lease may end.
_MARGIN = 0.1
#: Renewals in the life of a lease.
_BEATS = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_RELEASE_TIMEOUT = 5.0

#: What `on_event` is told: "queued", "granted", "renewed", "flood_wait", "drain_requested", "go_away", "lost" with
#: the mesh's message; and "disconnected", "attached", "suspended", "resumed" with None.
OnEvent = Callable[[str, Any], None]


class HeldLease:
    """A session that is yours, renewed by a thread until `release()` or the end of the `with` block.

    Everything that uses the session asks `check()` first, or passes the lease to a method of Mesh, which does: when
    renewals go unanswered for too long the lease suspends itself before anybody else can get the session, by this
    machine's monotonic clock, and also when the whole process was stopped meanwhile. Made by Mesh.lease.
    """

    def __init__(
        self, mesh: Mesh, request: pool_pb2.AcquireLeaseRequest, timeout: float, on_event: Optional[OnEvent]
    ) -> None:
        self._mesh = mesh
        self._request = request
        self._on_event = on_event
        self._now = mesh._timing.monotonic
        self._lock = threading.Condition()
        self._lease: Optional[lease_pb2.Lease] = None
        self._safe_until = float("-inf")
        self._is_suspended = False
        #: Whether it was said to be granted: an answer that took longer than the lease is worth says nothing.
        self._is_told = False
        self._ended: Optional[str] = None
        self._refusal: Optional[MeshError] = None
        self._drain_at: Optional[datetime] = None
        self._closing = threading.Event()
        self._call: Any = None
        self._sent: Deque[float] = deque()
        self._asked_at = self._now()
        self._thread = threading.Thread(target=self._run, name="telegate-lease", daemon=True)
        self._thread.start()
        try:
            self._await_grant(timeout)
        except BaseException:
            self.release()
            raise

    @property
    def lease(self) -> lease_pb2.Lease:
        """The lease as it was granted."""
        assert self._lease is not None
        return self._lease

    @property
    def session_id(self) -> int:
        return self.lease.session_id

    @property
    def session_name(self) -> str:
        return self.lease.session_name

    @property
    def proof(self) -> lease_pb2.LeaseProof:
        """Shows the mesh that the session is yours. Raises LeaseOver when it may not be any more."""
        self.check()
        return lease_pb2.LeaseProof(lease_id=self.lease.lease_id, fencing_token=self.lease.fencing_token)

    @property
    def remaining(self) -> float:
        """Seconds for which it is certainly yours if no renewal comes; 0 when it is suspended or over."""
        with self._lock:
            return 0.0 if self._ended else max(0.0, self._safe_until - self._now())

    @property
    def drain_deadline(self) -> Optional[datetime]:
        """When it is revoked because somebody asked for the session: finish before. None when nobody did."""
        return self._drain_at

    @property
    def is_over(self) -> bool:
        """Whether it was lost or released: it does not come back."""
        return self._ended is not None

    def check(self) -> None:
        """Raises LeaseOver when somebody else may have the session by now. Call it before each use."""
        if self._ended:
            raise LeaseOver(f"the lease on session {self.session_name} is over: {self._ended}")
        if self.remaining == 0:
            raise LeaseOver(f"the lease on session {self.session_name} is suspended: no renewal was answered in time")

    def wait_until_over(self, timeout: Optional[float] = None) -> bool:
        """Sleeps until it is lost or released; False when `timeout` came first."""
        with self._lock:
            return self._lock.wait_for(lambda: self._ended is not None, timeout)

    def release(self) -> None:
        """Gives the session back. Again, or after the lease has ended, it does nothing."""
        with self._lock:
            was_over = self._ended is not None
            if not was_over:
                self._end("it was released")
        self._closing.set()
        if self._call is not None:
            self._call.cancel()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        lease = self._lease
        if was_over or lease is None:
            return
        proof = lease_pb2.LeaseProof(lease_id=lease.lease_id, fencing_token=lease.fencing_token)
        try:
            self._mesh.call(
                self._mesh.session_pool.ReleaseLease,
                pool_pb2.ReleaseLeaseRequest(lease=proof),
                timeout=_RELEASE_TIMEOUT,
            )
        except LeaseLost:
            pass
        except MeshError as error:
            _log.warning("session %s was not released and is free when its lease ends: %s", self.session_name, error)

    def __enter__(self) -> HeldLease:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], *_: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"HeldLease(session_id={self._lease.session_id if self._lease else None}, remaining={self.remaining:.1f})"

    # ---- everything below runs in the thread, or waits for it ----

    def _await_grant(self, timeout: float) -> None:
        with self._lock:
            done = self._lock.wait_for(lambda: self._safe_until > self._now() or self._ended is not None, timeout)
            if self._refusal:
                raise self._refusal
            if not done or self._ended:
                raise Unavailable("the mesh did not grant a lease in time", uncertain=True)

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set() and self._ended is None:
            try:
                self._hold_over_stream()
                failures = 0
            except grpc.RpcError as raw:
                if self._closing.is_set() or self._is_final(mesh_error(raw)):
                    return
                failures += 1
            self._tell("disconnected", None)
            self._pause(doubled(_FIRST_PAUSE, _LONGEST_PAUSE, max(1, failures)))

    def _is_final(self, error: MeshError) -> bool:
        if self._lease is None and not isinstance(error, Unavailable):
            with self._lock:
                self._refusal = error
                self._end("it was refused")
            return True
        if isinstance(error, (LeaseLost, KeyRefused)):
            self._lose(str(error), None)
            return True
        return False

    def _hold_over_stream(self) -> None:
        outgoing: queue.SimpleQueue[Optional[pool_pb2.HoldLeaseRequest]] = queue.SimpleQueue()
        attaching = self._lease
        attached_at = self._now()
        if attaching is None:
            outgoing.put(pool_pb2.HoldLeaseRequest(open=self._request))
        else:
            proof = lease_pb2.LeaseProof(lease_id=attaching.lease_id, fencing_token=attaching.fencing_token)
            outgoing.put(pool_pb2.HoldLeaseRequest(attach=proof))
        self._sent.clear()
        call = self._mesh.session_pool.HoldLease(iter(outgoing.get, None), metadata=self._mesh._metadata)
        self._call = call
        if self._closing.is_set():
            call.cancel()
        over = threading.Event()
        beats = threading.Thread(target=self._beat, args=(outgoing, over, call), name="telegate-beats", daemon=True)
        beats.start()
        try:
            for answer in call:
                kind = answer.WhichOneof("event")
                if kind == "granted":
                    self._granted(answer.granted, self._asked_at if attaching is None else attached_at)
                    if attaching is not None:
                        self._tell("attached", None)
                else:
                    self._heard(kind, getattr(answer, kind) if kind else None)
                if kind == "go_away" or self._ended is not None:
                    return
        finally:
            over.set()
            outgoing.put(None)
            call.cancel()

    def _beat(self, outgoing: Any, over: threading.Event, call: Any) -> None:
        """Sends a heartbeat each third of the TTL; breaks a stream on which two went unanswered."""
        pause = 0.05
        while not over.wait(pause):
            self._note_suspension()
            if self._lease is None:
                continue
            interval = self._ttl / _BEATS
            last = self._sent[-1] if self._sent else float("-inf")
            now = self._now()
            if self._sent and now - self._sent[0] > 2 * interval:
                call.cancel()
                return
            if now - max(last, self._renewed_sent_at) >= interval:
                self._sent.append(now)
                outgoing.put(pool_pb2.HoldLeaseRequest(heartbeat=pool_pb2.HoldLeaseHeartbeat()))

    @property
    def _ttl(self) -> float:
        return self.lease.ttl.ToTimedelta().total_seconds()

    @property
    def _renewed_sent_at(self) -> float:
        return self._safe_until - self._ttl * (1 - _MARGIN)

    def _granted(self, lease: lease_pb2.Lease, sent_at: float) -> None:
        """The grant counts from when it was asked for: after a long wait a heartbeat confirms it first."""
        if self._lease is None:
            self._lease = lease
        self._renewed(sent_at)

    def _renewed(self, sent_at: float) -> None:
        with self._lock:
            self._safe_until = max(self._safe_until, sent_at + self._ttl * (1 - _MARGIN))
            if self._safe_until <= self._now():
                return
            resumed, self._is_suspended = self._is_suspended, False
            granted, self._is_told = not self._is_told, True
            self._lock.notify_all()
        if granted:
            self._tell("granted", self._lease)
        elif resumed:
            self._tell("resumed", None)

    def _heard(self, kind: Optional[str], message: Any) -> None:
        if kind == "renewed":
            if self._sent:
                self._renewed(self._sent.popleft())
        elif kind == "lost":
            self._lose(lease_pb2.LeaseLossReason.Name(message.reason), message)
            return
        elif kind == "drain_requested":
            self._drain_at = message.deadline.ToDatetime(timezone.utc)
        if kind:
            self._tell(kind, message)

    def _note_suspension(self) -> None:
        with self._lock:
            is_new = self._lease is not None and not self._is_suspended and self._safe_until <= self._now()
            if is_new:
                self._is_suspended = True
        if is_new and self._is_told:
            self._tell("suspended", None)

    def _lose(self, why: str, message: Any) -> None:
        with self._lock:
            self._end(f"it was lost, {why}")
        self._tell("lost", message)

    def _end(self, why: str) -> None:
        self._ended = self._ended or why
        self._safe_until = float("-inf")
        self._lock.notify_all()

    def _pause(self, seconds: float) -> None:
        until = self._now() + seconds
        while not self._closing.is_set() and self._now() < until:
            self._note_suspension()
            self._closing.wait(min(0.05, seconds))

    def _tell(self, kind: str, message: Any) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(kind, message)
        except Exception:
            _log.exception("on_event failed on %r", kind)

