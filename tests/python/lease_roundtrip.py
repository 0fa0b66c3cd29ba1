"""A lease from Python, on the generated stubs alone: acquire, renew over HoldLease, refuse a stale token, release.

    TELEGATE_ENDPOINT=127.0.0.1:50051 TELEGATE_API_KEY=… python tests/python/lease_roundtrip.py

TELEGATE_SESSION_NAME picks a session; without it any free one will do. Prints what it saw as one line of JSON
and exits 0, or says what was not as promised and exits 1.
"""

import json
import os
import queue
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gen" / "python"))

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from telegate.session_pool.v1 import lease_pb2
from telegate.session_pool.v1 import session_pool_service_pb2 as pool_pb2
from telegate.session_pool.v1.session_pool_service_pb2_grpc import SessionPoolServiceStub

DEADLINE_SECONDS = 10
RENEWALS = 3


class BrokenPromise(Exception):
    pass


def expect(holds: bool, promise: str) -> None:
    if not holds:
        raise BrokenPromise(promise)


def error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo:
    """The ErrorInfo among the details of a google.rpc.Status, which travels in the trailers."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    expect(status.code == error.code().value[0], "the status in the details has the call's code")
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info
    raise BrokenPromise("every error carries an ErrorInfo")


def expect_lease_lost(call, lease: lease_pb2.Lease, what: str) -> str:
    try:
        call()
    except grpc.RpcError as error:
        expect(error.code() is grpc.StatusCode.ABORTED, f"{what} is ABORTED, not {error.code()}")
        info = error_info(error)
        expect((info.domain, info.reason) == ("telegate", "LEASE_LOST"), f"{what} has the reason LEASE_LOST")
        expect(info.metadata["lease_id"] == lease.lease_id, f"{what} names the lease")
        return info.reason
    raise BrokenPromise(f"{what} is refused")


class HeldLease:
    """One HoldLease stream. What is put on the queue is sent; None closes our side."""

    def __init__(self, pool: SessionPoolServiceStub, metadata, proof: lease_pb2.LeaseProof) -> None:
        self._outgoing: queue.SimpleQueue[pool_pb2.HoldLeaseRequest | None] = queue.SimpleQueue()
        self._outgoing.put(pool_pb2.HoldLeaseRequest(attach=proof))
        self._events = pool.HoldLease(
            iter(self._outgoing.get, None), metadata=metadata, timeout=DEADLINE_SECONDS
        )

    def next_event(self, kind: str):
        """The next event of this kind; notices that may come in between are passed over."""
        for event in self._events:
            came = event.WhichOneof("event")
            if came == kind:
                return getattr(event, kind)
            expect(came in ("renewed", "flood_wait", "drain_requested"), f"{kind} comes, not {came}")
        raise BrokenPromise(f"{kind} comes before the stream ends")

    def heartbeat(self) -> lease_pb2.LeaseRenewed:
        self._outgoing.put(pool_pb2.HoldLeaseRequest(heartbeat=pool_pb2.HoldLeaseHeartbeat()))
        return self.next_event("renewed")

    def close(self) -> None:
        self._outgoing.put(None)
        for _ in self._events:  # ends OK; raises otherwise
            pass


def roundtrip(pool: SessionPoolServiceStub, metadata, session_name: str) -> dict[str, object]:
    options = {"metadata": metadata, "timeout": DEADLINE_SECONDS}
    request = pool_pb2.AcquireLeaseRequest(
        selector=lease_pb2.SessionSelector(name=session_name),
        holder="lease_roundtrip.py",
        ttl=Duration(seconds=15),
        request_id=str(uuid.uuid4()),
    )
    lease = pool.AcquireLease(request, **options).lease
    expect(lease.fencing_token > 0, "a lease has a fencing token")
    expect(lease.ttl.ToSeconds() == 15, "the TTL asked for is the TTL given")
    again = pool.AcquireLease(request, **options).lease
    expect(again.lease_id == lease.lease_id, "a request_id sent again gives the first answer")

    proof = lease_pb2.LeaseProof(lease_id=lease.lease_id, fencing_token=lease.fencing_token)
    held = HeldLease(pool, metadata, proof)
    granted = held.next_event("granted")
    expect(granted.fencing_token == lease.fencing_token, "attaching goes on with the same token")
    ends = [granted.expire_time.ToNanoseconds()]
    for _ in range(RENEWALS):
        renewed = held.heartbeat()
        expect(renewed.lease_id == lease.lease_id, "a renewal names its lease")
        ends.append(renewed.expire_time.ToNanoseconds())
    expect(ends == sorted(ends) and ends[-1] > ends[0], "renewals move the end on")
    held.close()

    stale = lease_pb2.LeaseProof(lease_id=lease.lease_id, fencing_token=lease.fencing_token - 1)
    release_stale = pool_pb2.ReleaseLeaseRequest(lease=stale)
    stale_reason = expect_lease_lost(
        lambda: pool.ReleaseLease(release_stale, **options), lease, "a release with a stale token"
    )

    release = pool_pb2.ReleaseLeaseRequest(lease=proof)
    expect(pool.ReleaseLease(release, **options).ended_now, "the stream's end and the stale token ended nothing")
    expect(not pool.ReleaseLease(release, **options).ended_now, "a second release changes nothing")
    expect_lease_lost(
        lambda: HeldLease(pool, metadata, proof).next_event("granted"), lease, "an attach to an ended lease"
    )
    return {
        "lease_id": lease.lease_id,
        "session_id": lease.session_id,
        "session_name": lease.session_name,
        "fencing_token": lease.fencing_token,
        "renewals": RENEWALS,
        "stale_token": stale_reason,
    }


def main() -> int:
    missing = [name for name in ("TELEGATE_ENDPOINT", "TELEGATE_API_KEY") if not os.environ.get(name)]
    if missing:
        print(f"set {' and '.join(missing)}: both are in .telegate/mesh.json", file=sys.stderr)
        return 2
    metadata = (("x-api-key", os.environ["TELEGATE_API_KEY"]),)
    with grpc.insecure_channel(os.environ["TELEGATE_ENDPOINT"]) as channel:
        try:
            seen = roundtrip(
                SessionPoolServiceStub(channel), metadata, os.environ.get("TELEGATE_SESSION_NAME", "")
            )
        except BrokenPromise as broken:
            print(f"not as promised: {broken}", file=sys.stderr)
            return 1
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    print(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
