import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FloodWaitKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FLOOD_WAIT_KIND_UNSPECIFIED: _ClassVar[FloodWaitKind]
    FLOOD_WAIT_KIND_FLOOD: _ClassVar[FloodWaitKind]
    FLOOD_WAIT_KIND_PREMIUM: _ClassVar[FloodWaitKind]
    FLOOD_WAIT_KIND_SLOW_MODE: _ClassVar[FloodWaitKind]

class FaultMoment(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAULT_MOMENT_UNSPECIFIED: _ClassVar[FaultMoment]
    FAULT_MOMENT_BEFORE_CALL: _ClassVar[FaultMoment]
    FAULT_MOMENT_AFTER_CALL: _ClassVar[FaultMoment]
    FAULT_MOMENT_MID_ANSWER: _ClassVar[FaultMoment]

class RefusalKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REFUSAL_KIND_UNSPECIFIED: _ClassVar[RefusalKind]
    REFUSAL_KIND_RESET: _ClassVar[RefusalKind]
    REFUSAL_KIND_SILENT: _ClassVar[RefusalKind]
FLOOD_WAIT_KIND_UNSPECIFIED: FloodWaitKind
FLOOD_WAIT_KIND_FLOOD: FloodWaitKind
FLOOD_WAIT_KIND_PREMIUM: FloodWaitKind
FLOOD_WAIT_KIND_SLOW_MODE: FloodWaitKind
FAULT_MOMENT_UNSPECIFIED: FaultMoment
FAULT_MOMENT_BEFORE_CALL: FaultMoment
FAULT_MOMENT_AFTER_CALL: FaultMoment
FAULT_MOMENT_MID_ANSWER: FaultMoment
REFUSAL_KIND_UNSPECIFIED: RefusalKind
REFUSAL_KIND_RESET: RefusalKind
REFUSAL_KIND_SILENT: RefusalKind

class FaultScope(_message.Message):
    __slots__ = ("account_ids", "methods", "data_centers", "key_ids", "client_addresses")
    ACCOUNT_IDS_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTERS_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    account_ids: _containers.RepeatedScalarFieldContainer[str]
    methods: _containers.RepeatedScalarFieldContainer[str]
    data_centers: _containers.RepeatedScalarFieldContainer[int]
    key_ids: _containers.RepeatedScalarFieldContainer[str]
    client_addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, account_ids: _Optional[_Iterable[str]] = ..., methods: _Optional[_Iterable[str]] = ..., data_centers: _Optional[_Iterable[int]] = ..., key_ids: _Optional[_Iterable[str]] = ..., client_addresses: _Optional[_Iterable[str]] = ...) -> None: ...

class FloodWaitFault(_message.Message):
    __slots__ = ("wait", "kind")
    WAIT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    wait: _duration_pb2.Duration
    kind: FloodWaitKind
    def __init__(self, wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., kind: _Optional[_Union[FloodWaitKind, str]] = ...) -> None: ...

class RpcErrorFault(_message.Message):
    __slots__ = ("code", "text")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    code: int
    text: str
    def __init__(self, code: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class DropFault(_message.Message):
    __slots__ = ("moment",)
    MOMENT_FIELD_NUMBER: _ClassVar[int]
    moment: FaultMoment
    def __init__(self, moment: _Optional[_Union[FaultMoment, str]] = ...) -> None: ...

class SilenceFault(_message.Message):
    __slots__ = ("moment",)
    MOMENT_FIELD_NUMBER: _ClassVar[int]
    moment: FaultMoment
    def __init__(self, moment: _Optional[_Union[FaultMoment, str]] = ...) -> None: ...

class DelayFault(_message.Message):
    __slots__ = ("delay", "jitter")
    DELAY_FIELD_NUMBER: _ClassVar[int]
    JITTER_FIELD_NUMBER: _ClassVar[int]
    delay: _duration_pb2.Duration
    jitter: _duration_pb2.Duration
    def __init__(self, delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., jitter: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RefuseConnectionsFault(_message.Message):
    __slots__ = ("kind",)
    KIND_FIELD_NUMBER: _ClassVar[int]
    kind: RefusalKind
    def __init__(self, kind: _Optional[_Union[RefusalKind, str]] = ...) -> None: ...

class GarbageFault(_message.Message):
    __slots__ = ("length",)
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    length: int
    def __init__(self, length: _Optional[int] = ...) -> None: ...

class TransportErrorFault(_message.Message):
    __slots__ = ("code",)
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: int
    def __init__(self, code: _Optional[int] = ...) -> None: ...

class UnknownRsaKeyFault(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClockSkewFault(_message.Message):
    __slots__ = ("offset",)
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    offset: _duration_pb2.Duration
    def __init__(self, offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class HoldUpdatesFault(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ServerTroubleFault(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class FaultSpec(_message.Message):
    __slots__ = ("scope", "count", "skip", "lifetime", "flood_wait", "rpc_error", "drop", "silence", "delay", "refuse_connections", "garbage", "transport_error", "unknown_rsa_key", "clock_skew", "hold_updates", "server_trouble")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    FLOOD_WAIT_FIELD_NUMBER: _ClassVar[int]
    RPC_ERROR_FIELD_NUMBER: _ClassVar[int]
    DROP_FIELD_NUMBER: _ClassVar[int]
    SILENCE_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    REFUSE_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    GARBAGE_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_ERROR_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_RSA_KEY_FIELD_NUMBER: _ClassVar[int]
    CLOCK_SKEW_FIELD_NUMBER: _ClassVar[int]
    HOLD_UPDATES_FIELD_NUMBER: _ClassVar[int]
    SERVER_TROUBLE_FIELD_NUMBER: _ClassVar[int]
    scope: FaultScope
    count: int
    skip: int
    lifetime: _duration_pb2.Duration
    flood_wait: FloodWaitFault
    rpc_error: RpcErrorFault
    drop: DropFault
    silence: SilenceFault
    delay: DelayFault
    refuse_connections: RefuseConnectionsFault
    garbage: GarbageFault
    transport_error: TransportErrorFault
    unknown_rsa_key: UnknownRsaKeyFault
    clock_skew: ClockSkewFault
    hold_updates: HoldUpdatesFault
    server_trouble: ServerTroubleFault
    def __init__(self, scope: _Optional[_Union[FaultScope, _Mapping]] = ..., count: _Optional[int] = ..., skip: _Optional[int] = ..., lifetime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., flood_wait: _Optional[_Union[FloodWaitFault, _Mapping]] = ..., rpc_error: _Optional[_Union[RpcErrorFault, _Mapping]] = ..., drop: _Optional[_Union[DropFault, _Mapping]] = ..., silence: _Optional[_Union[SilenceFault, _Mapping]] = ..., delay: _Optional[_Union[DelayFault, _Mapping]] = ..., refuse_connections: _Optional[_Union[RefuseConnectionsFault, _Mapping]] = ..., garbage: _Optional[_Union[GarbageFault, _Mapping]] = ..., transport_error: _Optional[_Union[TransportErrorFault, _Mapping]] = ..., unknown_rsa_key: _Optional[_Union[UnknownRsaKeyFault, _Mapping]] = ..., clock_skew: _Optional[_Union[ClockSkewFault, _Mapping]] = ..., hold_updates: _Optional[_Union[HoldUpdatesFault, _Mapping]] = ..., server_trouble: _Optional[_Union[ServerTroubleFault, _Mapping]] = ...) -> None: ...

class Fault(_message.Message):
    __slots__ = ("fault_id", "spec", "hits", "skips_left", "create_time", "expire_time")
    FAULT_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    SKIPS_LEFT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    fault_id: str
    spec: FaultSpec
    hits: int
    skips_left: int
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, fault_id: _Optional[str] = ..., spec: _Optional[_Union[FaultSpec, _Mapping]] = ..., hits: _Optional[int] = ..., skips_left: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FloodLimit(_message.Message):
    __slots__ = ("method", "calls", "window", "wait", "per_peer")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    PER_PEER_FIELD_NUMBER: _ClassVar[int]
    method: str
    calls: int
    window: _duration_pb2.Duration
    wait: _duration_pb2.Duration
    per_peer: bool
    def __init__(self, method: _Optional[str] = ..., calls: _Optional[int] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., per_peer: _Optional[bool] = ...) -> None: ...
