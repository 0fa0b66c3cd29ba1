import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LeaseAccess(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEASE_ACCESS_UNSPECIFIED: _ClassVar[LeaseAccess]
    LEASE_ACCESS_MEDIATED: _ClassVar[LeaseAccess]
    LEASE_ACCESS_CREDENTIALS: _ClassVar[LeaseAccess]
    LEASE_ACCESS_FILE: _ClassVar[LeaseAccess]

class SessionFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_FORMAT_UNSPECIFIED: _ClassVar[SessionFormat]
    SESSION_FORMAT_GRAMJS_STRING: _ClassVar[SessionFormat]
    SESSION_FORMAT_TELETHON_STRING: _ClassVar[SessionFormat]
    SESSION_FORMAT_TELETHON_FILE: _ClassVar[SessionFormat]
    SESSION_FORMAT_PYROGRAM_STRING: _ClassVar[SessionFormat]

class LeaseLossReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEASE_LOSS_REASON_UNSPECIFIED: _ClassVar[LeaseLossReason]
    LEASE_LOSS_REASON_EXPIRED: _ClassVar[LeaseLossReason]
    LEASE_LOSS_REASON_REVOKED: _ClassVar[LeaseLossReason]
    LEASE_LOSS_REASON_SESSION_GONE: _ClassVar[LeaseLossReason]
    LEASE_LOSS_REASON_STALE: _ClassVar[LeaseLossReason]
LEASE_ACCESS_UNSPECIFIED: LeaseAccess
LEASE_ACCESS_MEDIATED: LeaseAccess
LEASE_ACCESS_CREDENTIALS: LeaseAccess
LEASE_ACCESS_FILE: LeaseAccess
SESSION_FORMAT_UNSPECIFIED: SessionFormat
SESSION_FORMAT_GRAMJS_STRING: SessionFormat
SESSION_FORMAT_TELETHON_STRING: SessionFormat
SESSION_FORMAT_TELETHON_FILE: SessionFormat
SESSION_FORMAT_PYROGRAM_STRING: SessionFormat
LEASE_LOSS_REASON_UNSPECIFIED: LeaseLossReason
LEASE_LOSS_REASON_EXPIRED: LeaseLossReason
LEASE_LOSS_REASON_REVOKED: LeaseLossReason
LEASE_LOSS_REASON_SESSION_GONE: LeaseLossReason
LEASE_LOSS_REASON_STALE: LeaseLossReason

class SessionSelector(_message.Message):
    __slots__ = ("session_id", "name", "labels", "for_method", "account_id", "even_paused")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    FOR_METHOD_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    EVEN_PAUSED_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    name: str
    labels: _containers.ScalarMap[str, str]
    for_method: str
    account_id: str
    even_paused: bool
    def __init__(self, session_id: _Optional[int] = ..., name: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., for_method: _Optional[str] = ..., account_id: _Optional[str] = ..., even_paused: _Optional[bool] = ...) -> None: ...

class SessionCredentials(_message.Message):
    __slots__ = ("format", "material", "data_center")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    MATERIAL_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    format: SessionFormat
    material: bytes
    data_center: int
    def __init__(self, format: _Optional[_Union[SessionFormat, str]] = ..., material: _Optional[bytes] = ..., data_center: _Optional[int] = ...) -> None: ...

class Lease(_message.Message):
    __slots__ = ("lease_id", "session_id", "session_name", "fencing_token", "ttl", "expire_time", "acquire_time", "holder", "access", "credentials", "environment", "drain_time")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_NAME_FIELD_NUMBER: _ClassVar[int]
    FENCING_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACQUIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    DRAIN_TIME_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    session_id: int
    session_name: str
    fencing_token: int
    ttl: _duration_pb2.Duration
    expire_time: _timestamp_pb2.Timestamp
    acquire_time: _timestamp_pb2.Timestamp
    holder: str
    access: LeaseAccess
    credentials: SessionCredentials
    environment: str
    drain_time: _timestamp_pb2.Timestamp
    def __init__(self, lease_id: _Optional[str] = ..., session_id: _Optional[int] = ..., session_name: _Optional[str] = ..., fencing_token: _Optional[int] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., acquire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., holder: _Optional[str] = ..., access: _Optional[_Union[LeaseAccess, str]] = ..., credentials: _Optional[_Union[SessionCredentials, _Mapping]] = ..., environment: _Optional[str] = ..., drain_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LeaseProof(_message.Message):
    __slots__ = ("lease_id", "fencing_token")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    FENCING_TOKEN_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    fencing_token: int
    def __init__(self, lease_id: _Optional[str] = ..., fencing_token: _Optional[int] = ...) -> None: ...

class FileLease(_message.Message):
    __slots__ = ("session_id", "lease_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    lease_id: str
    def __init__(self, session_id: _Optional[int] = ..., lease_id: _Optional[str] = ...) -> None: ...

class FloodWait(_message.Message):
    __slots__ = ("session_id", "method", "peer", "end_time")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    method: str
    peer: str
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, session_id: _Optional[int] = ..., method: _Optional[str] = ..., peer: _Optional[str] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LeaseLost(_message.Message):
    __slots__ = ("lease_id", "session_id", "reason")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    session_id: int
    reason: LeaseLossReason
    def __init__(self, lease_id: _Optional[str] = ..., session_id: _Optional[int] = ..., reason: _Optional[_Union[LeaseLossReason, str]] = ...) -> None: ...

class DrainRequested(_message.Message):
    __slots__ = ("lease_id", "deadline")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    deadline: _timestamp_pb2.Timestamp
    def __init__(self, lease_id: _Optional[str] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LeaseQueued(_message.Message):
    __slots__ = ("position", "estimate")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    position: int
    estimate: _duration_pb2.Duration
    def __init__(self, position: _Optional[int] = ..., estimate: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GoAway(_message.Message):
    __slots__ = ("deadline",)
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    deadline: _timestamp_pb2.Timestamp
    def __init__(self, deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LeaseRenewed(_message.Message):
    __slots__ = ("lease_id", "expire_time")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, lease_id: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
