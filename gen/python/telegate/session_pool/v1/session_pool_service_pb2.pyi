import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from telegate.session_pool.v1 import lease_pb2 as _lease_pb2
from telegate.session_pool.v1 import session_pb2 as _session_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AcquireLeaseRequest(_message.Message):
    __slots__ = ("selector", "holder", "ttl", "wait", "access", "credentials_format", "request_id", "file_quarantine")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FORMAT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_QUARANTINE_FIELD_NUMBER: _ClassVar[int]
    selector: _lease_pb2.SessionSelector
    holder: str
    ttl: _duration_pb2.Duration
    wait: _duration_pb2.Duration
    access: _lease_pb2.LeaseAccess
    credentials_format: _lease_pb2.SessionFormat
    request_id: str
    file_quarantine: _duration_pb2.Duration
    def __init__(self, selector: _Optional[_Union[_lease_pb2.SessionSelector, _Mapping]] = ..., holder: _Optional[str] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., access: _Optional[_Union[_lease_pb2.LeaseAccess, str]] = ..., credentials_format: _Optional[_Union[_lease_pb2.SessionFormat, str]] = ..., request_id: _Optional[str] = ..., file_quarantine: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class AcquireLeaseResponse(_message.Message):
    __slots__ = ("lease",)
    LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: _lease_pb2.Lease
    def __init__(self, lease: _Optional[_Union[_lease_pb2.Lease, _Mapping]] = ...) -> None: ...

class HoldLeaseRequest(_message.Message):
    __slots__ = ("open", "attach", "heartbeat", "release")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    ATTACH_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    open: AcquireLeaseRequest
    attach: _lease_pb2.LeaseProof
    heartbeat: HoldLeaseHeartbeat
    release: HoldLeaseRelease
    def __init__(self, open: _Optional[_Union[AcquireLeaseRequest, _Mapping]] = ..., attach: _Optional[_Union[_lease_pb2.LeaseProof, _Mapping]] = ..., heartbeat: _Optional[_Union[HoldLeaseHeartbeat, _Mapping]] = ..., release: _Optional[_Union[HoldLeaseRelease, _Mapping]] = ...) -> None: ...

class HoldLeaseHeartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HoldLeaseRelease(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HoldLeaseResponse(_message.Message):
    __slots__ = ("queued", "granted", "renewed", "flood_wait", "drain_requested", "lost", "released", "go_away")
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    RENEWED_FIELD_NUMBER: _ClassVar[int]
    FLOOD_WAIT_FIELD_NUMBER: _ClassVar[int]
    DRAIN_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    GO_AWAY_FIELD_NUMBER: _ClassVar[int]
    queued: _lease_pb2.LeaseQueued
    granted: _lease_pb2.Lease
    renewed: _lease_pb2.LeaseRenewed
    flood_wait: _lease_pb2.FloodWait
    drain_requested: _lease_pb2.DrainRequested
    lost: _lease_pb2.LeaseLost
    released: _lease_pb2.LeaseProof
    go_away: _lease_pb2.GoAway
    def __init__(self, queued: _Optional[_Union[_lease_pb2.LeaseQueued, _Mapping]] = ..., granted: _Optional[_Union[_lease_pb2.Lease, _Mapping]] = ..., renewed: _Optional[_Union[_lease_pb2.LeaseRenewed, _Mapping]] = ..., flood_wait: _Optional[_Union[_lease_pb2.FloodWait, _Mapping]] = ..., drain_requested: _Optional[_Union[_lease_pb2.DrainRequested, _Mapping]] = ..., lost: _Optional[_Union[_lease_pb2.LeaseLost, _Mapping]] = ..., released: _Optional[_Union[_lease_pb2.LeaseProof, _Mapping]] = ..., go_away: _Optional[_Union[_lease_pb2.GoAway, _Mapping]] = ...) -> None: ...

class ManageLeasesRequest(_message.Message):
    __slots__ = ("id", "acquire", "renew", "release", "report_flood_wait", "hear", "tenant_id", "traceparent")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACQUIRE_FIELD_NUMBER: _ClassVar[int]
    RENEW_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    REPORT_FLOOD_WAIT_FIELD_NUMBER: _ClassVar[int]
    HEAR_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    acquire: AcquireLeaseRequest
    renew: RenewLeases
    release: _lease_pb2.LeaseProof
    report_flood_wait: ReportFloodWaitRequest
    hear: HearOfLeases
    tenant_id: str
    traceparent: str
    def __init__(self, id: _Optional[str] = ..., acquire: _Optional[_Union[AcquireLeaseRequest, _Mapping]] = ..., renew: _Optional[_Union[RenewLeases, _Mapping]] = ..., release: _Optional[_Union[_lease_pb2.LeaseProof, _Mapping]] = ..., report_flood_wait: _Optional[_Union[ReportFloodWaitRequest, _Mapping]] = ..., hear: _Optional[_Union[HearOfLeases, _Mapping]] = ..., tenant_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class HearOfLeases(_message.Message):
    __slots__ = ("leases",)
    LEASES_FIELD_NUMBER: _ClassVar[int]
    leases: _containers.RepeatedCompositeFieldContainer[_lease_pb2.LeaseProof]
    def __init__(self, leases: _Optional[_Iterable[_Union[_lease_pb2.LeaseProof, _Mapping]]] = ...) -> None: ...

class RenewLeases(_message.Message):
    __slots__ = ("leases",)
    LEASES_FIELD_NUMBER: _ClassVar[int]
    leases: _containers.RepeatedCompositeFieldContainer[_lease_pb2.LeaseProof]
    def __init__(self, leases: _Optional[_Iterable[_Union[_lease_pb2.LeaseProof, _Mapping]]] = ...) -> None: ...

class LeaseRenewals(_message.Message):
    __slots__ = ("renewed", "lost")
    RENEWED_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    renewed: _containers.RepeatedCompositeFieldContainer[_lease_pb2.LeaseRenewed]
    lost: _containers.RepeatedCompositeFieldContainer[_lease_pb2.LeaseLost]
    def __init__(self, renewed: _Optional[_Iterable[_Union[_lease_pb2.LeaseRenewed, _Mapping]]] = ..., lost: _Optional[_Iterable[_Union[_lease_pb2.LeaseLost, _Mapping]]] = ...) -> None: ...

class ManageLeasesResponse(_message.Message):
    __slots__ = ("id", "acquired", "renewed", "released", "flood_wait_reported", "error", "queued", "lost", "drain_requested", "flood_wait", "go_away", "heard")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACQUIRED_FIELD_NUMBER: _ClassVar[int]
    RENEWED_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    FLOOD_WAIT_REPORTED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    DRAIN_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    FLOOD_WAIT_FIELD_NUMBER: _ClassVar[int]
    GO_AWAY_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    id: str
    acquired: _lease_pb2.Lease
    renewed: LeaseRenewals
    released: _lease_pb2.LeaseProof
    flood_wait_reported: _lease_pb2.FloodWait
    error: _status_pb2.Status
    queued: _lease_pb2.LeaseQueued
    lost: _lease_pb2.LeaseLost
    drain_requested: _lease_pb2.DrainRequested
    flood_wait: _lease_pb2.FloodWait
    go_away: _lease_pb2.GoAway
    heard: LeaseRenewals
    def __init__(self, id: _Optional[str] = ..., acquired: _Optional[_Union[_lease_pb2.Lease, _Mapping]] = ..., renewed: _Optional[_Union[LeaseRenewals, _Mapping]] = ..., released: _Optional[_Union[_lease_pb2.LeaseProof, _Mapping]] = ..., flood_wait_reported: _Optional[_Union[_lease_pb2.FloodWait, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., queued: _Optional[_Union[_lease_pb2.LeaseQueued, _Mapping]] = ..., lost: _Optional[_Union[_lease_pb2.LeaseLost, _Mapping]] = ..., drain_requested: _Optional[_Union[_lease_pb2.DrainRequested, _Mapping]] = ..., flood_wait: _Optional[_Union[_lease_pb2.FloodWait, _Mapping]] = ..., go_away: _Optional[_Union[_lease_pb2.GoAway, _Mapping]] = ..., heard: _Optional[_Union[LeaseRenewals, _Mapping]] = ...) -> None: ...

class ReleaseLeaseRequest(_message.Message):
    __slots__ = ("lease", "file_lease")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    FILE_LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: _lease_pb2.LeaseProof
    file_lease: _lease_pb2.FileLease
    def __init__(self, lease: _Optional[_Union[_lease_pb2.LeaseProof, _Mapping]] = ..., file_lease: _Optional[_Union[_lease_pb2.FileLease, _Mapping]] = ...) -> None: ...

class ReleaseLeaseResponse(_message.Message):
    __slots__ = ("ended_now",)
    ENDED_NOW_FIELD_NUMBER: _ClassVar[int]
    ended_now: bool
    def __init__(self, ended_now: _Optional[bool] = ...) -> None: ...

class RevokeLeaseRequest(_message.Message):
    __slots__ = ("lease_id", "grace", "reason")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    GRACE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    grace: _duration_pb2.Duration
    reason: str
    def __init__(self, lease_id: _Optional[str] = ..., grace: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class RevokeLeaseResponse(_message.Message):
    __slots__ = ("end_time",)
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetLeaseRequest(_message.Message):
    __slots__ = ("lease_id",)
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    def __init__(self, lease_id: _Optional[str] = ...) -> None: ...

class GetLeaseResponse(_message.Message):
    __slots__ = ("lease",)
    LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: _lease_pb2.Lease
    def __init__(self, lease: _Optional[_Union[_lease_pb2.Lease, _Mapping]] = ...) -> None: ...

class ListLeasesRequest(_message.Message):
    __slots__ = ("holder", "page_size", "page_token")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    holder: str
    page_size: int
    page_token: str
    def __init__(self, holder: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLeasesResponse(_message.Message):
    __slots__ = ("leases", "next_page_token")
    LEASES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    leases: _containers.RepeatedCompositeFieldContainer[_lease_pb2.Lease]
    next_page_token: str
    def __init__(self, leases: _Optional[_Iterable[_Union[_lease_pb2.Lease, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("state", "labels", "name_prefix", "page_size", "page_token")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STATE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    NAME_PREFIX_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    state: _session_pb2.SessionState
    labels: _containers.ScalarMap[str, str]
    name_prefix: str
    page_size: int
    page_token: str
    def __init__(self, state: _Optional[_Union[_session_pb2.SessionState, str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., name_prefix: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions", "next_page_token")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[_session_pb2.Session]
    next_page_token: str
    def __init__(self, sessions: _Optional[_Iterable[_Union[_session_pb2.Session, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetSessionRequest(_message.Message):
    __slots__ = ("session_id", "name")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    name: str
    def __init__(self, session_id: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class GetSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class UpdateSessionRequest(_message.Message):
    __slots__ = ("session", "update_mask")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class ImportSessionRequest(_message.Message):
    __slots__ = ("name", "material", "format", "labels", "environment", "account_id", "request_id", "source", "moved")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    MATERIAL_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    name: str
    material: bytes
    format: _lease_pb2.SessionFormat
    labels: _containers.ScalarMap[str, str]
    environment: str
    account_id: str
    request_id: str
    source: _session_pb2.SessionSource
    moved: bool
    def __init__(self, name: _Optional[str] = ..., material: _Optional[bytes] = ..., format: _Optional[_Union[_lease_pb2.SessionFormat, str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., environment: _Optional[str] = ..., account_id: _Optional[str] = ..., request_id: _Optional[str] = ..., source: _Optional[_Union[_session_pb2.SessionSource, str]] = ..., moved: _Optional[bool] = ...) -> None: ...

class ImportSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class ExportSessionRequest(_message.Message):
    __slots__ = ("session_id", "format")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    format: _lease_pb2.SessionFormat
    def __init__(self, session_id: _Optional[int] = ..., format: _Optional[_Union[_lease_pb2.SessionFormat, str]] = ...) -> None: ...

class ExportSessionResponse(_message.Message):
    __slots__ = ("credentials", "session_name")
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    SESSION_NAME_FIELD_NUMBER: _ClassVar[int]
    credentials: _lease_pb2.SessionCredentials
    session_name: str
    def __init__(self, credentials: _Optional[_Union[_lease_pb2.SessionCredentials, _Mapping]] = ..., session_name: _Optional[str] = ...) -> None: ...

class DeleteSessionRequest(_message.Message):
    __slots__ = ("session_id", "force")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    force: bool
    def __init__(self, session_id: _Optional[int] = ..., force: _Optional[bool] = ...) -> None: ...

class DeleteSessionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class InvalidateSessionRequest(_message.Message):
    __slots__ = ("session_id", "condition", "reason", "lease")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    condition: _session_pb2.SessionState
    reason: str
    lease: _lease_pb2.LeaseProof
    def __init__(self, session_id: _Optional[int] = ..., condition: _Optional[_Union[_session_pb2.SessionState, str]] = ..., reason: _Optional[str] = ..., lease: _Optional[_Union[_lease_pb2.LeaseProof, _Mapping]] = ...) -> None: ...

class InvalidateSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class RestoreSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    def __init__(self, session_id: _Optional[int] = ...) -> None: ...

class RestoreSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ...) -> None: ...

class SyncSessionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SyncSessionsResponse(_message.Message):
    __slots__ = ("added", "removed", "total", "faults", "fault_count")
    ADDED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    FAULT_COUNT_FIELD_NUMBER: _ClassVar[int]
    added: int
    removed: int
    total: int
    faults: _containers.RepeatedCompositeFieldContainer[SyncFault]
    fault_count: int
    def __init__(self, added: _Optional[int] = ..., removed: _Optional[int] = ..., total: _Optional[int] = ..., faults: _Optional[_Iterable[_Union[SyncFault, _Mapping]]] = ..., fault_count: _Optional[int] = ...) -> None: ...

class SyncFault(_message.Message):
    __slots__ = ("file", "problem")
    FILE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    file: str
    problem: str
    def __init__(self, file: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...

class ReportFloodWaitRequest(_message.Message):
    __slots__ = ("lease", "method", "peer", "duration")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    lease: _lease_pb2.LeaseProof
    method: str
    peer: str
    duration: _duration_pb2.Duration
    def __init__(self, lease: _Optional[_Union[_lease_pb2.LeaseProof, _Mapping]] = ..., method: _Optional[str] = ..., peer: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ReportFloodWaitResponse(_message.Message):
    __slots__ = ("flood_wait",)
    FLOOD_WAIT_FIELD_NUMBER: _ClassVar[int]
    flood_wait: _lease_pb2.FloodWait
    def __init__(self, flood_wait: _Optional[_Union[_lease_pb2.FloodWait, _Mapping]] = ...) -> None: ...

class GetPoolStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPoolStatusResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: _session_pb2.PoolStatus
    def __init__(self, status: _Optional[_Union[_session_pb2.PoolStatus, _Mapping]] = ...) -> None: ...

class WatchPoolRequest(_message.Message):
    __slots__ = ("min_interval",)
    MIN_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    min_interval: _duration_pb2.Duration
    def __init__(self, min_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchPoolResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: _session_pb2.PoolStatus
    def __init__(self, status: _Optional[_Union[_session_pb2.PoolStatus, _Mapping]] = ...) -> None: ...

class ClaimEgressRequest(_message.Message):
    __slots__ = ("process_id", "leases", "with_material")
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    LEASES_FIELD_NUMBER: _ClassVar[int]
    WITH_MATERIAL_FIELD_NUMBER: _ClassVar[int]
    process_id: str
    leases: _containers.RepeatedCompositeFieldContainer[_lease_pb2.LeaseProof]
    with_material: bool
    def __init__(self, process_id: _Optional[str] = ..., leases: _Optional[_Iterable[_Union[_lease_pb2.LeaseProof, _Mapping]]] = ..., with_material: _Optional[bool] = ...) -> None: ...

class ClaimEgressResponse(_message.Message):
    __slots__ = ("claims", "refused")
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    claims: _containers.RepeatedCompositeFieldContainer[EgressClaim]
    refused: _containers.RepeatedCompositeFieldContainer[EgressRefusal]
    def __init__(self, claims: _Optional[_Iterable[_Union[EgressClaim, _Mapping]]] = ..., refused: _Optional[_Iterable[_Union[EgressRefusal, _Mapping]]] = ...) -> None: ...

class EgressClaim(_message.Message):
    __slots__ = ("lease_id", "session_id", "ttl", "environment", "material")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    MATERIAL_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    session_id: int
    ttl: _duration_pb2.Duration
    environment: str
    material: EgressMaterial
    def __init__(self, lease_id: _Optional[str] = ..., session_id: _Optional[int] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., environment: _Optional[str] = ..., material: _Optional[_Union[EgressMaterial, _Mapping]] = ...) -> None: ...

class EgressMaterial(_message.Message):
    __slots__ = ("data_center", "auth_key", "user_id", "api_id", "tenant_id", "session_name", "account_id", "labels", "source", "subject")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    AUTH_KEY_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    API_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_NAME_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    data_center: int
    auth_key: bytes
    user_id: str
    api_id: str
    tenant_id: str
    session_name: str
    account_id: str
    labels: _containers.ScalarMap[str, str]
    source: _session_pb2.SessionSource
    subject: str
    def __init__(self, data_center: _Optional[int] = ..., auth_key: _Optional[bytes] = ..., user_id: _Optional[str] = ..., api_id: _Optional[str] = ..., tenant_id: _Optional[str] = ..., session_name: _Optional[str] = ..., account_id: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., source: _Optional[_Union[_session_pb2.SessionSource, str]] = ..., subject: _Optional[str] = ...) -> None: ...

class EgressRefusal(_message.Message):
    __slots__ = ("lease_id", "error")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    error: _status_pb2.Status
    def __init__(self, lease_id: _Optional[str] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ReleaseEgressRequest(_message.Message):
    __slots__ = ("process_id", "leases")
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    LEASES_FIELD_NUMBER: _ClassVar[int]
    process_id: str
    leases: _containers.RepeatedCompositeFieldContainer[_lease_pb2.LeaseProof]
    def __init__(self, process_id: _Optional[str] = ..., leases: _Optional[_Iterable[_Union[_lease_pb2.LeaseProof, _Mapping]]] = ...) -> None: ...

class ReleaseEgressResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
