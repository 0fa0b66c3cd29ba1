import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from telegate.session_pool.v1 import lease_pb2 as _lease_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_STATE_UNSPECIFIED: _ClassVar[SessionState]
    SESSION_STATE_FREE: _ClassVar[SessionState]
    SESSION_STATE_LEASED: _ClassVar[SessionState]
    SESSION_STATE_CLOSING: _ClassVar[SessionState]
    SESSION_STATE_QUARANTINED: _ClassVar[SessionState]
    SESSION_STATE_FLOOD_WAIT: _ClassVar[SessionState]
    SESSION_STATE_INVALID: _ClassVar[SessionState]
    SESSION_STATE_NEEDS_LOGIN: _ClassVar[SessionState]
    SESSION_STATE_FROZEN: _ClassVar[SessionState]
    SESSION_STATE_BANNED: _ClassVar[SessionState]
    SESSION_STATE_PAUSED: _ClassVar[SessionState]

class SessionSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_SOURCE_UNSPECIFIED: _ClassVar[SessionSource]
    SESSION_SOURCE_IMPORT: _ClassVar[SessionSource]
    SESSION_SOURCE_SYNC: _ClassVar[SessionSource]
    SESSION_SOURCE_LOGIN: _ClassVar[SessionSource]
SESSION_STATE_UNSPECIFIED: SessionState
SESSION_STATE_FREE: SessionState
SESSION_STATE_LEASED: SessionState
SESSION_STATE_CLOSING: SessionState
SESSION_STATE_QUARANTINED: SessionState
SESSION_STATE_FLOOD_WAIT: SessionState
SESSION_STATE_INVALID: SessionState
SESSION_STATE_NEEDS_LOGIN: SessionState
SESSION_STATE_FROZEN: SessionState
SESSION_STATE_BANNED: SessionState
SESSION_STATE_PAUSED: SessionState
SESSION_SOURCE_UNSPECIFIED: SessionSource
SESSION_SOURCE_IMPORT: SessionSource
SESSION_SOURCE_SYNC: SessionSource
SESSION_SOURCE_LOGIN: SessionSource

class Session(_message.Message):
    __slots__ = ("session_id", "name", "account_id", "environment", "labels", "state", "state_reason", "lease", "flood_waits", "quarantine_end_time", "available_time", "data_center", "source", "has_file", "create_time", "last_used_time", "etag", "paused")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    FLOOD_WAITS_FIELD_NUMBER: _ClassVar[int]
    QUARANTINE_END_TIME_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_TIME_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    HAS_FILE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    name: str
    account_id: str
    environment: str
    labels: _containers.ScalarMap[str, str]
    state: SessionState
    state_reason: str
    lease: _lease_pb2.Lease
    flood_waits: _containers.RepeatedCompositeFieldContainer[_lease_pb2.FloodWait]
    quarantine_end_time: _timestamp_pb2.Timestamp
    available_time: _timestamp_pb2.Timestamp
    data_center: int
    source: SessionSource
    has_file: bool
    create_time: _timestamp_pb2.Timestamp
    last_used_time: _timestamp_pb2.Timestamp
    etag: str
    paused: bool
    def __init__(self, session_id: _Optional[int] = ..., name: _Optional[str] = ..., account_id: _Optional[str] = ..., environment: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., state: _Optional[_Union[SessionState, str]] = ..., state_reason: _Optional[str] = ..., lease: _Optional[_Union[_lease_pb2.Lease, _Mapping]] = ..., flood_waits: _Optional[_Iterable[_Union[_lease_pb2.FloodWait, _Mapping]]] = ..., quarantine_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., available_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., data_center: _Optional[int] = ..., source: _Optional[_Union[SessionSource, str]] = ..., has_file: _Optional[bool] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., paused: _Optional[bool] = ...) -> None: ...

class PoolStatus(_message.Message):
    __slots__ = ("total", "free", "leased", "closing", "quarantined", "flood_wait", "invalid", "needs_login", "frozen", "banned", "waiting", "next_flood_wait_end_time", "next_available_time", "read_time", "paused")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    FREE_FIELD_NUMBER: _ClassVar[int]
    LEASED_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    FLOOD_WAIT_FIELD_NUMBER: _ClassVar[int]
    INVALID_FIELD_NUMBER: _ClassVar[int]
    NEEDS_LOGIN_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    BANNED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    NEXT_FLOOD_WAIT_END_TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_AVAILABLE_TIME_FIELD_NUMBER: _ClassVar[int]
    READ_TIME_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    total: int
    free: int
    leased: int
    closing: int
    quarantined: int
    flood_wait: int
    invalid: int
    needs_login: int
    frozen: int
    banned: int
    waiting: int
    next_flood_wait_end_time: _timestamp_pb2.Timestamp
    next_available_time: _timestamp_pb2.Timestamp
    read_time: _timestamp_pb2.Timestamp
    paused: int
    def __init__(self, total: _Optional[int] = ..., free: _Optional[int] = ..., leased: _Optional[int] = ..., closing: _Optional[int] = ..., quarantined: _Optional[int] = ..., flood_wait: _Optional[int] = ..., invalid: _Optional[int] = ..., needs_login: _Optional[int] = ..., frozen: _Optional[int] = ..., banned: _Optional[int] = ..., waiting: _Optional[int] = ..., next_flood_wait_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_available_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., read_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., paused: _Optional[int] = ...) -> None: ...
