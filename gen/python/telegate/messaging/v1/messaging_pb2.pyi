import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from telegate.session_pool.v1 import lease_pb2 as _lease_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PeerKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PEER_KIND_UNSPECIFIED: _ClassVar[PeerKind]
    PEER_KIND_USER: _ClassVar[PeerKind]
    PEER_KIND_CHAT: _ClassVar[PeerKind]
    PEER_KIND_CHANNEL: _ClassVar[PeerKind]

class TextFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEXT_FORMAT_UNSPECIFIED: _ClassVar[TextFormat]
    TEXT_FORMAT_PLAIN: _ClassVar[TextFormat]
    TEXT_FORMAT_MARKDOWN: _ClassVar[TextFormat]
    TEXT_FORMAT_HTML: _ClassVar[TextFormat]

class ChannelRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_ROLE_UNSPECIFIED: _ClassVar[ChannelRole]
    CHANNEL_ROLE_CREATOR: _ClassVar[ChannelRole]
    CHANNEL_ROLE_ADMIN: _ClassVar[ChannelRole]
    CHANNEL_ROLE_MEMBER: _ClassVar[ChannelRole]
    CHANNEL_ROLE_NONE: _ClassVar[ChannelRole]
    CHANNEL_ROLE_BANNED: _ClassVar[ChannelRole]

class ConnectionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONNECTION_STATE_UNSPECIFIED: _ClassVar[ConnectionState]
    CONNECTION_STATE_CONNECTING: _ClassVar[ConnectionState]
    CONNECTION_STATE_CONNECTED: _ClassVar[ConnectionState]
    CONNECTION_STATE_RECONNECTING: _ClassVar[ConnectionState]
    CONNECTION_STATE_DEGRADED: _ClassVar[ConnectionState]
    CONNECTION_STATE_CLOSING: _ClassVar[ConnectionState]
PEER_KIND_UNSPECIFIED: PeerKind
PEER_KIND_USER: PeerKind
PEER_KIND_CHAT: PeerKind
PEER_KIND_CHANNEL: PeerKind
TEXT_FORMAT_UNSPECIFIED: TextFormat
TEXT_FORMAT_PLAIN: TextFormat
TEXT_FORMAT_MARKDOWN: TextFormat
TEXT_FORMAT_HTML: TextFormat
CHANNEL_ROLE_UNSPECIFIED: ChannelRole
CHANNEL_ROLE_CREATOR: ChannelRole
CHANNEL_ROLE_ADMIN: ChannelRole
CHANNEL_ROLE_MEMBER: ChannelRole
CHANNEL_ROLE_NONE: ChannelRole
CHANNEL_ROLE_BANNED: ChannelRole
CONNECTION_STATE_UNSPECIFIED: ConnectionState
CONNECTION_STATE_CONNECTING: ConnectionState
CONNECTION_STATE_CONNECTED: ConnectionState
CONNECTION_STATE_RECONNECTING: ConnectionState
CONNECTION_STATE_DEGRADED: ConnectionState
CONNECTION_STATE_CLOSING: ConnectionState

class Actor(_message.Message):
    __slots__ = ("account_id", "session_id", "lease")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    session_id: int
    lease: _lease_pb2.LeaseProof
    def __init__(self, account_id: _Optional[str] = ..., session_id: _Optional[int] = ..., lease: _Optional[_Union[_lease_pb2.LeaseProof, _Mapping]] = ...) -> None: ...

class Peer(_message.Message):
    __slots__ = ("peer", "kind", "title", "username", "phone")
    PEER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    peer: str
    kind: PeerKind
    title: str
    username: str
    phone: str
    def __init__(self, peer: _Optional[str] = ..., kind: _Optional[_Union[PeerKind, str]] = ..., title: _Optional[str] = ..., username: _Optional[str] = ..., phone: _Optional[str] = ...) -> None: ...

class Attachment(_message.Message):
    __slots__ = ("content", "url", "file_name", "mime_type", "as_document")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    AS_DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    url: str
    file_name: str
    mime_type: str
    as_document: bool
    def __init__(self, content: _Optional[bytes] = ..., url: _Optional[str] = ..., file_name: _Optional[str] = ..., mime_type: _Optional[str] = ..., as_document: _Optional[bool] = ...) -> None: ...

class ReactionCount(_message.Message):
    __slots__ = ("emoji", "count", "chosen")
    EMOJI_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    emoji: str
    count: int
    chosen: bool
    def __init__(self, emoji: _Optional[str] = ..., count: _Optional[int] = ..., chosen: _Optional[bool] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("peer", "message_id", "sender", "text", "send_time", "edit_time", "reply_to_message_id", "outgoing", "media_kind", "reactions", "view_count", "comment_count")
    PEER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    EDIT_TIME_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    OUTGOING_FIELD_NUMBER: _ClassVar[int]
    MEDIA_KIND_FIELD_NUMBER: _ClassVar[int]
    REACTIONS_FIELD_NUMBER: _ClassVar[int]
    VIEW_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    peer: Peer
    message_id: int
    sender: Peer
    text: str
    send_time: _timestamp_pb2.Timestamp
    edit_time: _timestamp_pb2.Timestamp
    reply_to_message_id: int
    outgoing: bool
    media_kind: str
    reactions: _containers.RepeatedCompositeFieldContainer[ReactionCount]
    view_count: int
    comment_count: int
    def __init__(self, peer: _Optional[_Union[Peer, _Mapping]] = ..., message_id: _Optional[int] = ..., sender: _Optional[_Union[Peer, _Mapping]] = ..., text: _Optional[str] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., edit_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reply_to_message_id: _Optional[int] = ..., outgoing: _Optional[bool] = ..., media_kind: _Optional[str] = ..., reactions: _Optional[_Iterable[_Union[ReactionCount, _Mapping]]] = ..., view_count: _Optional[int] = ..., comment_count: _Optional[int] = ...) -> None: ...

class Dialog(_message.Message):
    __slots__ = ("peer", "unread_count", "last_message", "pinned", "muted")
    PEER_FIELD_NUMBER: _ClassVar[int]
    UNREAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    MUTED_FIELD_NUMBER: _ClassVar[int]
    peer: Peer
    unread_count: int
    last_message: Message
    pinned: bool
    muted: bool
    def __init__(self, peer: _Optional[_Union[Peer, _Mapping]] = ..., unread_count: _Optional[int] = ..., last_message: _Optional[_Union[Message, _Mapping]] = ..., pinned: _Optional[bool] = ..., muted: _Optional[bool] = ...) -> None: ...

class OpenCircuit(_message.Message):
    __slots__ = ("circuit", "end_time")
    CIRCUIT_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    circuit: str
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, circuit: _Optional[str] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Connection(_message.Message):
    __slots__ = ("session_id", "account_id", "state", "data_center", "proxy_id", "process_id", "state_time", "update_time", "queued_calls", "running_calls", "refused_calls", "open_circuits", "latency")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    PROXY_ID_FIELD_NUMBER: _ClassVar[int]
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    QUEUED_CALLS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_CALLS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_CALLS_FIELD_NUMBER: _ClassVar[int]
    OPEN_CIRCUITS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    account_id: str
    state: ConnectionState
    data_center: int
    proxy_id: str
    process_id: str
    state_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    queued_calls: int
    running_calls: int
    refused_calls: int
    open_circuits: _containers.RepeatedCompositeFieldContainer[OpenCircuit]
    latency: _duration_pb2.Duration
    def __init__(self, session_id: _Optional[int] = ..., account_id: _Optional[str] = ..., state: _Optional[_Union[ConnectionState, str]] = ..., data_center: _Optional[int] = ..., proxy_id: _Optional[str] = ..., process_id: _Optional[str] = ..., state_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., queued_calls: _Optional[int] = ..., running_calls: _Optional[int] = ..., refused_calls: _Optional[int] = ..., open_circuits: _Optional[_Iterable[_Union[OpenCircuit, _Mapping]]] = ..., latency: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
