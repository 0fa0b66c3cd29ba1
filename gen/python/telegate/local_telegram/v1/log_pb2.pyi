import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Transport(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSPORT_UNSPECIFIED: _ClassVar[Transport]
    TRANSPORT_FULL: _ClassVar[Transport]
    TRANSPORT_ABRIDGED: _ClassVar[Transport]
    TRANSPORT_INTERMEDIATE: _ClassVar[Transport]
    TRANSPORT_PADDED_INTERMEDIATE: _ClassVar[Transport]

class ConnectionEnd(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONNECTION_END_UNSPECIFIED: _ClassVar[ConnectionEnd]
    CONNECTION_END_CLIENT_CLOSED: _ClassVar[ConnectionEnd]
    CONNECTION_END_CLIENT_RESET: _ClassVar[ConnectionEnd]
    CONNECTION_END_PROTOCOL_ERROR: _ClassVar[ConnectionEnd]
    CONNECTION_END_PING_TIMEOUT: _ClassVar[ConnectionEnd]
    CONNECTION_END_FAULT: _ClassVar[ConnectionEnd]
    CONNECTION_END_SERVER_CLOSED: _ClassVar[ConnectionEnd]
    CONNECTION_END_SHUTDOWN: _ClassVar[ConnectionEnd]

class CallOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALL_OUTCOME_UNSPECIFIED: _ClassVar[CallOutcome]
    CALL_OUTCOME_OK: _ClassVar[CallOutcome]
    CALL_OUTCOME_ERROR: _ClassVar[CallOutcome]
    CALL_OUTCOME_UNANSWERED: _ClassVar[CallOutcome]
    CALL_OUTCOME_SWALLOWED: _ClassVar[CallOutcome]
TRANSPORT_UNSPECIFIED: Transport
TRANSPORT_FULL: Transport
TRANSPORT_ABRIDGED: Transport
TRANSPORT_INTERMEDIATE: Transport
TRANSPORT_PADDED_INTERMEDIATE: Transport
CONNECTION_END_UNSPECIFIED: ConnectionEnd
CONNECTION_END_CLIENT_CLOSED: ConnectionEnd
CONNECTION_END_CLIENT_RESET: ConnectionEnd
CONNECTION_END_PROTOCOL_ERROR: ConnectionEnd
CONNECTION_END_PING_TIMEOUT: ConnectionEnd
CONNECTION_END_FAULT: ConnectionEnd
CONNECTION_END_SERVER_CLOSED: ConnectionEnd
CONNECTION_END_SHUTDOWN: ConnectionEnd
CALL_OUTCOME_UNSPECIFIED: CallOutcome
CALL_OUTCOME_OK: CallOutcome
CALL_OUTCOME_ERROR: CallOutcome
CALL_OUTCOME_UNANSWERED: CallOutcome
CALL_OUTCOME_SWALLOWED: CallOutcome

class KeyUse(_message.Message):
    __slots__ = ("key_id", "mtproto_session_id", "account_id", "first_message_time", "last_message_time", "messages")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    MTPROTO_SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_MESSAGE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_MESSAGE_TIME_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    mtproto_session_id: str
    account_id: str
    first_message_time: _timestamp_pb2.Timestamp
    last_message_time: _timestamp_pb2.Timestamp
    messages: int
    def __init__(self, key_id: _Optional[str] = ..., mtproto_session_id: _Optional[str] = ..., account_id: _Optional[str] = ..., first_message_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_message_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., messages: _Optional[int] = ...) -> None: ...

class Connection(_message.Message):
    __slots__ = ("connection_id", "data_center", "client_address", "transport", "obfuscated", "open_time", "close_time", "end", "keys", "calls", "bytes_in", "bytes_out")
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    OBFUSCATED_FIELD_NUMBER: _ClassVar[int]
    OPEN_TIME_FIELD_NUMBER: _ClassVar[int]
    CLOSE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    BYTES_IN_FIELD_NUMBER: _ClassVar[int]
    BYTES_OUT_FIELD_NUMBER: _ClassVar[int]
    connection_id: str
    data_center: int
    client_address: str
    transport: Transport
    obfuscated: bool
    open_time: _timestamp_pb2.Timestamp
    close_time: _timestamp_pb2.Timestamp
    end: ConnectionEnd
    keys: _containers.RepeatedCompositeFieldContainer[KeyUse]
    calls: int
    bytes_in: int
    bytes_out: int
    def __init__(self, connection_id: _Optional[str] = ..., data_center: _Optional[int] = ..., client_address: _Optional[str] = ..., transport: _Optional[_Union[Transport, str]] = ..., obfuscated: _Optional[bool] = ..., open_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., close_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end: _Optional[_Union[ConnectionEnd, str]] = ..., keys: _Optional[_Iterable[_Union[KeyUse, _Mapping]]] = ..., calls: _Optional[int] = ..., bytes_in: _Optional[int] = ..., bytes_out: _Optional[int] = ...) -> None: ...

class Call(_message.Message):
    __slots__ = ("call_id", "connection_id", "key_id", "mtproto_session_id", "mtproto_message_id", "account_id", "data_center", "method", "start_time", "end_time", "outcome", "error_code", "error_text", "random_id", "deduplicated", "peer", "fault_id", "effect")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    MTPROTO_SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    MTPROTO_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_TEXT_FIELD_NUMBER: _ClassVar[int]
    RANDOM_ID_FIELD_NUMBER: _ClassVar[int]
    DEDUPLICATED_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    FAULT_ID_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    connection_id: str
    key_id: str
    mtproto_session_id: str
    mtproto_message_id: str
    account_id: str
    data_center: int
    method: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    outcome: CallOutcome
    error_code: int
    error_text: str
    random_id: int
    deduplicated: bool
    peer: str
    fault_id: str
    effect: bool
    def __init__(self, call_id: _Optional[str] = ..., connection_id: _Optional[str] = ..., key_id: _Optional[str] = ..., mtproto_session_id: _Optional[str] = ..., mtproto_message_id: _Optional[str] = ..., account_id: _Optional[str] = ..., data_center: _Optional[int] = ..., method: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[_Union[CallOutcome, str]] = ..., error_code: _Optional[int] = ..., error_text: _Optional[str] = ..., random_id: _Optional[int] = ..., deduplicated: _Optional[bool] = ..., peer: _Optional[str] = ..., fault_id: _Optional[str] = ..., effect: _Optional[bool] = ...) -> None: ...

class KeyEvent(_message.Message):
    __slots__ = ("key_id", "account_id", "data_center", "connection_ids")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_IDS_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    account_id: str
    data_center: int
    connection_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, key_id: _Optional[str] = ..., account_id: _Optional[str] = ..., data_center: _Optional[int] = ..., connection_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class LogEvent(_message.Message):
    __slots__ = ("sequence", "event_time", "connection_opened", "connection_bound", "connection_closed", "call_started", "call_ended", "key_created", "key_authorized", "key_ended", "key_duplicated", "gap")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_OPENED_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_BOUND_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_CLOSED_FIELD_NUMBER: _ClassVar[int]
    CALL_STARTED_FIELD_NUMBER: _ClassVar[int]
    CALL_ENDED_FIELD_NUMBER: _ClassVar[int]
    KEY_CREATED_FIELD_NUMBER: _ClassVar[int]
    KEY_AUTHORIZED_FIELD_NUMBER: _ClassVar[int]
    KEY_ENDED_FIELD_NUMBER: _ClassVar[int]
    KEY_DUPLICATED_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    event_time: _timestamp_pb2.Timestamp
    connection_opened: Connection
    connection_bound: Connection
    connection_closed: Connection
    call_started: Call
    call_ended: Call
    key_created: KeyEvent
    key_authorized: KeyEvent
    key_ended: KeyEvent
    key_duplicated: KeyEvent
    gap: LogGap
    def __init__(self, sequence: _Optional[int] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., connection_opened: _Optional[_Union[Connection, _Mapping]] = ..., connection_bound: _Optional[_Union[Connection, _Mapping]] = ..., connection_closed: _Optional[_Union[Connection, _Mapping]] = ..., call_started: _Optional[_Union[Call, _Mapping]] = ..., call_ended: _Optional[_Union[Call, _Mapping]] = ..., key_created: _Optional[_Union[KeyEvent, _Mapping]] = ..., key_authorized: _Optional[_Union[KeyEvent, _Mapping]] = ..., key_ended: _Optional[_Union[KeyEvent, _Mapping]] = ..., key_duplicated: _Optional[_Union[KeyEvent, _Mapping]] = ..., gap: _Optional[_Union[LogGap, _Mapping]] = ...) -> None: ...

class LogGap(_message.Message):
    __slots__ = ("first_missing", "last_missing")
    FIRST_MISSING_FIELD_NUMBER: _ClassVar[int]
    LAST_MISSING_FIELD_NUMBER: _ClassVar[int]
    first_missing: int
    last_missing: int
    def __init__(self, first_missing: _Optional[int] = ..., last_missing: _Optional[int] = ...) -> None: ...

class Counters(_message.Message):
    __slots__ = ("connections_opened", "connections_open", "keys_created", "keys_duplicated", "logins", "calls", "calls_by_method", "errors_by_text", "messages_sent", "sends_deduplicated", "reactions", "view_increments", "updates_pushed", "messages_refused", "faults_struck")
    class CallsByMethodEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class ErrorsByTextEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    CONNECTIONS_OPENED_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_OPEN_FIELD_NUMBER: _ClassVar[int]
    KEYS_CREATED_FIELD_NUMBER: _ClassVar[int]
    KEYS_DUPLICATED_FIELD_NUMBER: _ClassVar[int]
    LOGINS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    CALLS_BY_METHOD_FIELD_NUMBER: _ClassVar[int]
    ERRORS_BY_TEXT_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_SENT_FIELD_NUMBER: _ClassVar[int]
    SENDS_DEDUPLICATED_FIELD_NUMBER: _ClassVar[int]
    REACTIONS_FIELD_NUMBER: _ClassVar[int]
    VIEW_INCREMENTS_FIELD_NUMBER: _ClassVar[int]
    UPDATES_PUSHED_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_REFUSED_FIELD_NUMBER: _ClassVar[int]
    FAULTS_STRUCK_FIELD_NUMBER: _ClassVar[int]
    connections_opened: int
    connections_open: int
    keys_created: int
    keys_duplicated: int
    logins: int
    calls: int
    calls_by_method: _containers.ScalarMap[str, int]
    errors_by_text: _containers.ScalarMap[str, int]
    messages_sent: int
    sends_deduplicated: int
    reactions: int
    view_increments: int
    updates_pushed: int
    messages_refused: int
    faults_struck: int
    def __init__(self, connections_opened: _Optional[int] = ..., connections_open: _Optional[int] = ..., keys_created: _Optional[int] = ..., keys_duplicated: _Optional[int] = ..., logins: _Optional[int] = ..., calls: _Optional[int] = ..., calls_by_method: _Optional[_Mapping[str, int]] = ..., errors_by_text: _Optional[_Mapping[str, int]] = ..., messages_sent: _Optional[int] = ..., sends_deduplicated: _Optional[int] = ..., reactions: _Optional[int] = ..., view_increments: _Optional[int] = ..., updates_pushed: _Optional[int] = ..., messages_refused: _Optional[int] = ..., faults_struck: _Optional[int] = ...) -> None: ...
