import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from telegate.proxy_registry.v1 import proxy_pb2 as _proxy_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateProxyRequest(_message.Message):
    __slots__ = ("proxy", "request_id")
    PROXY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    proxy: _proxy_pb2.Proxy
    request_id: str
    def __init__(self, proxy: _Optional[_Union[_proxy_pb2.Proxy, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateProxyResponse(_message.Message):
    __slots__ = ("proxy",)
    PROXY_FIELD_NUMBER: _ClassVar[int]
    proxy: _proxy_pb2.Proxy
    def __init__(self, proxy: _Optional[_Union[_proxy_pb2.Proxy, _Mapping]] = ...) -> None: ...

class GetProxyRequest(_message.Message):
    __slots__ = ("proxy_id",)
    PROXY_ID_FIELD_NUMBER: _ClassVar[int]
    proxy_id: str
    def __init__(self, proxy_id: _Optional[str] = ...) -> None: ...

class GetProxyResponse(_message.Message):
    __slots__ = ("proxy",)
    PROXY_FIELD_NUMBER: _ClassVar[int]
    proxy: _proxy_pb2.Proxy
    def __init__(self, proxy: _Optional[_Union[_proxy_pb2.Proxy, _Mapping]] = ...) -> None: ...

class ListProxiesRequest(_message.Message):
    __slots__ = ("state", "labels", "country", "with_room_only", "page_size", "page_token")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STATE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    WITH_ROOM_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    state: _proxy_pb2.ProxyState
    labels: _containers.ScalarMap[str, str]
    country: str
    with_room_only: bool
    page_size: int
    page_token: str
    def __init__(self, state: _Optional[_Union[_proxy_pb2.ProxyState, str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., country: _Optional[str] = ..., with_room_only: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListProxiesResponse(_message.Message):
    __slots__ = ("proxies", "next_page_token")
    PROXIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    proxies: _containers.RepeatedCompositeFieldContainer[_proxy_pb2.Proxy]
    next_page_token: str
    def __init__(self, proxies: _Optional[_Iterable[_Union[_proxy_pb2.Proxy, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateProxyRequest(_message.Message):
    __slots__ = ("proxy", "update_mask")
    PROXY_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    proxy: _proxy_pb2.Proxy
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, proxy: _Optional[_Union[_proxy_pb2.Proxy, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateProxyResponse(_message.Message):
    __slots__ = ("proxy",)
    PROXY_FIELD_NUMBER: _ClassVar[int]
    proxy: _proxy_pb2.Proxy
    def __init__(self, proxy: _Optional[_Union[_proxy_pb2.Proxy, _Mapping]] = ...) -> None: ...

class DeleteProxyRequest(_message.Message):
    __slots__ = ("proxy_id", "force")
    PROXY_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    proxy_id: str
    force: bool
    def __init__(self, proxy_id: _Optional[str] = ..., force: _Optional[bool] = ...) -> None: ...

class DeleteProxyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ImportProxiesRequest(_message.Message):
    __slots__ = ("list", "labels", "country", "request_id")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    LIST_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    list: str
    labels: _containers.ScalarMap[str, str]
    country: str
    request_id: str
    def __init__(self, list: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., country: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ImportFault(_message.Message):
    __slots__ = ("line", "reason")
    LINE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    line: int
    reason: str
    def __init__(self, line: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class ImportProxiesResponse(_message.Message):
    __slots__ = ("proxy_ids", "duplicate_count", "faults")
    PROXY_IDS_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    proxy_ids: _containers.RepeatedScalarFieldContainer[str]
    duplicate_count: int
    faults: _containers.RepeatedCompositeFieldContainer[ImportFault]
    def __init__(self, proxy_ids: _Optional[_Iterable[str]] = ..., duplicate_count: _Optional[int] = ..., faults: _Optional[_Iterable[_Union[ImportFault, _Mapping]]] = ...) -> None: ...

class CheckProxyRequest(_message.Message):
    __slots__ = ("proxy_id",)
    PROXY_ID_FIELD_NUMBER: _ClassVar[int]
    proxy_id: str
    def __init__(self, proxy_id: _Optional[str] = ...) -> None: ...

class CheckProxyResponse(_message.Message):
    __slots__ = ("proxy",)
    PROXY_FIELD_NUMBER: _ClassVar[int]
    proxy: _proxy_pb2.Proxy
    def __init__(self, proxy: _Optional[_Union[_proxy_pb2.Proxy, _Mapping]] = ...) -> None: ...

class AssignProxyRequest(_message.Message):
    __slots__ = ("account_id", "session_id", "proxy_id", "policy", "labels", "country", "request_id")
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
    LABELS_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    session_id: int
    proxy_id: str
    policy: _proxy_pb2.AssignmentPolicy
    labels: _containers.ScalarMap[str, str]
    country: str
    request_id: str
    def __init__(self, account_id: _Optional[str] = ..., session_id: _Optional[int] = ..., proxy_id: _Optional[str] = ..., policy: _Optional[_Union[_proxy_pb2.AssignmentPolicy, str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., country: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class AssignProxyResponse(_message.Message):
    __slots__ = ("assignment",)
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    assignment: _proxy_pb2.Assignment
    def __init__(self, assignment: _Optional[_Union[_proxy_pb2.Assignment, _Mapping]] = ...) -> None: ...

class ReleaseAssignmentRequest(_message.Message):
    __slots__ = ("account_id", "session_id")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    session_id: int
    def __init__(self, account_id: _Optional[str] = ..., session_id: _Optional[int] = ...) -> None: ...

class ReleaseAssignmentResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAssignmentsRequest(_message.Message):
    __slots__ = ("proxy_id", "account_id", "session_id", "state", "page_size", "page_token")
    PROXY_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    proxy_id: str
    account_id: str
    session_id: int
    state: _proxy_pb2.AssignmentState
    page_size: int
    page_token: str
    def __init__(self, proxy_id: _Optional[str] = ..., account_id: _Optional[str] = ..., session_id: _Optional[int] = ..., state: _Optional[_Union[_proxy_pb2.AssignmentState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAssignmentsResponse(_message.Message):
    __slots__ = ("assignments", "next_page_token")
    ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    assignments: _containers.RepeatedCompositeFieldContainer[_proxy_pb2.Assignment]
    next_page_token: str
    def __init__(self, assignments: _Optional[_Iterable[_Union[_proxy_pb2.Assignment, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ResolveEgressRequest(_message.Message):
    __slots__ = ("account_id", "session_id", "proxy_id", "process_id", "allow_direct")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PROXY_ID_FIELD_NUMBER: _ClassVar[int]
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOW_DIRECT_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    session_id: int
    proxy_id: str
    process_id: str
    allow_direct: bool
    def __init__(self, account_id: _Optional[str] = ..., session_id: _Optional[int] = ..., proxy_id: _Optional[str] = ..., process_id: _Optional[str] = ..., allow_direct: _Optional[bool] = ...) -> None: ...

class DirectEgress(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResolveEgressResponse(_message.Message):
    __slots__ = ("proxy", "direct", "pinned_address", "expire_time", "hold_id", "hold_ttl")
    PROXY_FIELD_NUMBER: _ClassVar[int]
    DIRECT_FIELD_NUMBER: _ClassVar[int]
    PINNED_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    HOLD_TTL_FIELD_NUMBER: _ClassVar[int]
    proxy: _proxy_pb2.Proxy
    direct: DirectEgress
    pinned_address: str
    expire_time: _timestamp_pb2.Timestamp
    hold_id: str
    hold_ttl: _duration_pb2.Duration
    def __init__(self, proxy: _Optional[_Union[_proxy_pb2.Proxy, _Mapping]] = ..., direct: _Optional[_Union[DirectEgress, _Mapping]] = ..., pinned_address: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., hold_id: _Optional[str] = ..., hold_ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class HoldEgressRequest(_message.Message):
    __slots__ = ("process_id", "hold_ids", "closed_hold_ids")
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    HOLD_IDS_FIELD_NUMBER: _ClassVar[int]
    CLOSED_HOLD_IDS_FIELD_NUMBER: _ClassVar[int]
    process_id: str
    hold_ids: _containers.RepeatedScalarFieldContainer[str]
    closed_hold_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, process_id: _Optional[str] = ..., hold_ids: _Optional[_Iterable[str]] = ..., closed_hold_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class HoldEgressResponse(_message.Message):
    __slots__ = ("lost_hold_ids", "hold_ttl")
    LOST_HOLD_IDS_FIELD_NUMBER: _ClassVar[int]
    HOLD_TTL_FIELD_NUMBER: _ClassVar[int]
    lost_hold_ids: _containers.RepeatedScalarFieldContainer[str]
    hold_ttl: _duration_pb2.Duration
    def __init__(self, lost_hold_ids: _Optional[_Iterable[str]] = ..., hold_ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class AllowDirectRequest(_message.Message):
    __slots__ = ("account_id", "session_id", "allowed")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    session_id: int
    allowed: bool
    def __init__(self, account_id: _Optional[str] = ..., session_id: _Optional[int] = ..., allowed: _Optional[bool] = ...) -> None: ...

class AllowDirectResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
