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

class ProxyState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROXY_STATE_UNSPECIFIED: _ClassVar[ProxyState]
    PROXY_STATE_UNCHECKED: _ClassVar[ProxyState]
    PROXY_STATE_UP: _ClassVar[ProxyState]
    PROXY_STATE_SLOW: _ClassVar[ProxyState]
    PROXY_STATE_DOWN: _ClassVar[ProxyState]

class AssignmentPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSIGNMENT_POLICY_UNSPECIFIED: _ClassVar[AssignmentPolicy]
    ASSIGNMENT_POLICY_STICKY: _ClassVar[AssignmentPolicy]
    ASSIGNMENT_POLICY_RANDOM: _ClassVar[AssignmentPolicy]
    ASSIGNMENT_POLICY_ROUND_ROBIN: _ClassVar[AssignmentPolicy]
    ASSIGNMENT_POLICY_LEAST_USED: _ClassVar[AssignmentPolicy]

class AssignmentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSIGNMENT_STATE_UNSPECIFIED: _ClassVar[AssignmentState]
    ASSIGNMENT_STATE_ASSIGNED: _ClassVar[AssignmentState]
    ASSIGNMENT_STATE_WAITING: _ClassVar[AssignmentState]
    ASSIGNMENT_STATE_DIRECT: _ClassVar[AssignmentState]
PROXY_STATE_UNSPECIFIED: ProxyState
PROXY_STATE_UNCHECKED: ProxyState
PROXY_STATE_UP: ProxyState
PROXY_STATE_SLOW: ProxyState
PROXY_STATE_DOWN: ProxyState
ASSIGNMENT_POLICY_UNSPECIFIED: AssignmentPolicy
ASSIGNMENT_POLICY_STICKY: AssignmentPolicy
ASSIGNMENT_POLICY_RANDOM: AssignmentPolicy
ASSIGNMENT_POLICY_ROUND_ROBIN: AssignmentPolicy
ASSIGNMENT_POLICY_LEAST_USED: AssignmentPolicy
ASSIGNMENT_STATE_UNSPECIFIED: AssignmentState
ASSIGNMENT_STATE_ASSIGNED: AssignmentState
ASSIGNMENT_STATE_WAITING: AssignmentState
ASSIGNMENT_STATE_DIRECT: AssignmentState

class Proxy(_message.Message):
    __slots__ = ("proxy_id", "host", "port", "username", "password", "name", "labels", "country", "capacity", "assigned_count", "state", "state_reason", "latency", "exit_address", "check_time", "create_time", "etag", "pinned_address")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PROXY_ID_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_COUNT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    EXIT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CHECK_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    PINNED_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    proxy_id: str
    host: str
    port: int
    username: str
    password: str
    name: str
    labels: _containers.ScalarMap[str, str]
    country: str
    capacity: int
    assigned_count: int
    state: ProxyState
    state_reason: str
    latency: _duration_pb2.Duration
    exit_address: str
    check_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    etag: str
    pinned_address: str
    def __init__(self, proxy_id: _Optional[str] = ..., host: _Optional[str] = ..., port: _Optional[int] = ..., username: _Optional[str] = ..., password: _Optional[str] = ..., name: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., country: _Optional[str] = ..., capacity: _Optional[int] = ..., assigned_count: _Optional[int] = ..., state: _Optional[_Union[ProxyState, str]] = ..., state_reason: _Optional[str] = ..., latency: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., exit_address: _Optional[str] = ..., check_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., pinned_address: _Optional[str] = ...) -> None: ...

class Assignment(_message.Message):
    __slots__ = ("account_id", "session_id", "proxy_id", "policy", "assign_time", "state", "labels", "country", "in_use", "allow_direct")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PROXY_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ASSIGN_TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    IN_USE_FIELD_NUMBER: _ClassVar[int]
    ALLOW_DIRECT_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    session_id: int
    proxy_id: str
    policy: AssignmentPolicy
    assign_time: _timestamp_pb2.Timestamp
    state: AssignmentState
    labels: _containers.ScalarMap[str, str]
    country: str
    in_use: bool
    allow_direct: bool
    def __init__(self, account_id: _Optional[str] = ..., session_id: _Optional[int] = ..., proxy_id: _Optional[str] = ..., policy: _Optional[_Union[AssignmentPolicy, str]] = ..., assign_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[AssignmentState, str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., country: _Optional[str] = ..., in_use: _Optional[bool] = ..., allow_direct: _Optional[bool] = ...) -> None: ...
