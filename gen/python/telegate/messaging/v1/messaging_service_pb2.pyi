import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from telegate.messaging.v1 import messaging_pb2 as _messaging_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HistoryOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HISTORY_ORDER_UNSPECIFIED: _ClassVar[HistoryOrder]
    HISTORY_ORDER_NEWEST_FIRST: _ClassVar[HistoryOrder]
    HISTORY_ORDER_OLDEST_FIRST: _ClassVar[HistoryOrder]
HISTORY_ORDER_UNSPECIFIED: HistoryOrder
HISTORY_ORDER_NEWEST_FIRST: HistoryOrder
HISTORY_ORDER_OLDEST_FIRST: HistoryOrder

class SendMessageRequest(_message.Message):
    __slots__ = ("actor", "peer", "text", "format", "reply_to_message_id", "silent", "schedule_time", "attachment", "wait_for_flood", "request_id")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    SILENT_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_TIME_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENT_FIELD_NUMBER: _ClassVar[int]
    WAIT_FOR_FLOOD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    peer: str
    text: str
    format: _messaging_pb2.TextFormat
    reply_to_message_id: int
    silent: bool
    schedule_time: _timestamp_pb2.Timestamp
    attachment: _messaging_pb2.Attachment
    wait_for_flood: bool
    request_id: str
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ..., peer: _Optional[str] = ..., text: _Optional[str] = ..., format: _Optional[_Union[_messaging_pb2.TextFormat, str]] = ..., reply_to_message_id: _Optional[int] = ..., silent: _Optional[bool] = ..., schedule_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attachment: _Optional[_Union[_messaging_pb2.Attachment, _Mapping]] = ..., wait_for_flood: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class SendMessageResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _messaging_pb2.Message
    def __init__(self, message: _Optional[_Union[_messaging_pb2.Message, _Mapping]] = ...) -> None: ...

class EditMessageRequest(_message.Message):
    __slots__ = ("actor", "peer", "message_id", "text", "format")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    peer: str
    message_id: int
    text: str
    format: _messaging_pb2.TextFormat
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ..., peer: _Optional[str] = ..., message_id: _Optional[int] = ..., text: _Optional[str] = ..., format: _Optional[_Union[_messaging_pb2.TextFormat, str]] = ...) -> None: ...

class EditMessageResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _messaging_pb2.Message
    def __init__(self, message: _Optional[_Union[_messaging_pb2.Message, _Mapping]] = ...) -> None: ...

class DeleteMessagesRequest(_message.Message):
    __slots__ = ("actor", "peer", "message_ids", "only_for_me")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    ONLY_FOR_ME_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    peer: str
    message_ids: _containers.RepeatedScalarFieldContainer[int]
    only_for_me: bool
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ..., peer: _Optional[str] = ..., message_ids: _Optional[_Iterable[int]] = ..., only_for_me: _Optional[bool] = ...) -> None: ...

class DeleteMessagesResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class ListDialogsRequest(_message.Message):
    __slots__ = ("actor", "page_size", "page_token")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    page_size: int
    page_token: str
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDialogsResponse(_message.Message):
    __slots__ = ("dialogs", "next_page_token")
    DIALOGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dialogs: _containers.RepeatedCompositeFieldContainer[_messaging_pb2.Dialog]
    next_page_token: str
    def __init__(self, dialogs: _Optional[_Iterable[_Union[_messaging_pb2.Dialog, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListUnreadRequest(_message.Message):
    __slots__ = ("actor", "peer", "page_size", "page_token")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    peer: str
    page_size: int
    page_token: str
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ..., peer: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListUnreadResponse(_message.Message):
    __slots__ = ("messages", "next_page_token", "total_count")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_messaging_pb2.Message]
    next_page_token: str
    total_count: int
    def __init__(self, messages: _Optional[_Iterable[_Union[_messaging_pb2.Message, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_count: _Optional[int] = ...) -> None: ...

class GetHistoryRequest(_message.Message):
    __slots__ = ("actor", "peer", "order", "from_message_id", "page_size", "page_token")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    FROM_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    peer: str
    order: HistoryOrder
    from_message_id: int
    page_size: int
    page_token: str
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ..., peer: _Optional[str] = ..., order: _Optional[_Union[HistoryOrder, str]] = ..., from_message_id: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetHistoryResponse(_message.Message):
    __slots__ = ("messages", "next_page_token")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_messaging_pb2.Message]
    next_page_token: str
    def __init__(self, messages: _Optional[_Iterable[_Union[_messaging_pb2.Message, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class MarkReadRequest(_message.Message):
    __slots__ = ("actor", "peer", "up_to_message_id")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    UP_TO_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    peer: str
    up_to_message_id: int
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ..., peer: _Optional[str] = ..., up_to_message_id: _Optional[int] = ...) -> None: ...

class MarkReadResponse(_message.Message):
    __slots__ = ("unread_count",)
    UNREAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    unread_count: int
    def __init__(self, unread_count: _Optional[int] = ...) -> None: ...

class GetMeRequest(_message.Message):
    __slots__ = ("actor",)
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ...) -> None: ...

class GetMeResponse(_message.Message):
    __slots__ = ("me", "premium")
    ME_FIELD_NUMBER: _ClassVar[int]
    PREMIUM_FIELD_NUMBER: _ClassVar[int]
    me: _messaging_pb2.Peer
    premium: bool
    def __init__(self, me: _Optional[_Union[_messaging_pb2.Peer, _Mapping]] = ..., premium: _Optional[bool] = ...) -> None: ...

class ResolvePeerRequest(_message.Message):
    __slots__ = ("actor", "peer")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    peer: str
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ..., peer: _Optional[str] = ...) -> None: ...

class ResolvePeerResponse(_message.Message):
    __slots__ = ("peer",)
    PEER_FIELD_NUMBER: _ClassVar[int]
    peer: _messaging_pb2.Peer
    def __init__(self, peer: _Optional[_Union[_messaging_pb2.Peer, _Mapping]] = ...) -> None: ...

class GetPostsRequest(_message.Message):
    __slots__ = ("actor", "channel", "post_ids", "comments_of_post_id", "page_size", "page_token")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    POST_IDS_FIELD_NUMBER: _ClassVar[int]
    COMMENTS_OF_POST_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    channel: str
    post_ids: _containers.RepeatedScalarFieldContainer[int]
    comments_of_post_id: int
    page_size: int
    page_token: str
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ..., channel: _Optional[str] = ..., post_ids: _Optional[_Iterable[int]] = ..., comments_of_post_id: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetPostsResponse(_message.Message):
    __slots__ = ("posts", "next_page_token")
    POSTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    posts: _containers.RepeatedCompositeFieldContainer[_messaging_pb2.Message]
    next_page_token: str
    def __init__(self, posts: _Optional[_Iterable[_Union[_messaging_pb2.Message, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SendCommentRequest(_message.Message):
    __slots__ = ("actor", "channel", "post_id", "text", "format", "request_id")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    POST_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    channel: str
    post_id: int
    text: str
    format: _messaging_pb2.TextFormat
    request_id: str
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ..., channel: _Optional[str] = ..., post_id: _Optional[int] = ..., text: _Optional[str] = ..., format: _Optional[_Union[_messaging_pb2.TextFormat, str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class SendCommentResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _messaging_pb2.Message
    def __init__(self, message: _Optional[_Union[_messaging_pb2.Message, _Mapping]] = ...) -> None: ...

class SendReactionRequest(_message.Message):
    __slots__ = ("actor", "peer", "message_id", "emoji")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    EMOJI_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    peer: str
    message_id: int
    emoji: str
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ..., peer: _Optional[str] = ..., message_id: _Optional[int] = ..., emoji: _Optional[str] = ...) -> None: ...

class SendReactionResponse(_message.Message):
    __slots__ = ("reactions",)
    REACTIONS_FIELD_NUMBER: _ClassVar[int]
    reactions: _containers.RepeatedCompositeFieldContainer[_messaging_pb2.ReactionCount]
    def __init__(self, reactions: _Optional[_Iterable[_Union[_messaging_pb2.ReactionCount, _Mapping]]] = ...) -> None: ...

class GetChannelRoleRequest(_message.Message):
    __slots__ = ("actor", "channel")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    actor: _messaging_pb2.Actor
    channel: str
    def __init__(self, actor: _Optional[_Union[_messaging_pb2.Actor, _Mapping]] = ..., channel: _Optional[str] = ...) -> None: ...

class GetChannelRoleResponse(_message.Message):
    __slots__ = ("channel", "role", "can_post", "discussion_group", "allowed_reactions", "all_reactions")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CAN_POST_FIELD_NUMBER: _ClassVar[int]
    DISCUSSION_GROUP_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_REACTIONS_FIELD_NUMBER: _ClassVar[int]
    ALL_REACTIONS_FIELD_NUMBER: _ClassVar[int]
    channel: _messaging_pb2.Peer
    role: _messaging_pb2.ChannelRole
    can_post: bool
    discussion_group: _messaging_pb2.Peer
    allowed_reactions: _containers.RepeatedScalarFieldContainer[str]
    all_reactions: bool
    def __init__(self, channel: _Optional[_Union[_messaging_pb2.Peer, _Mapping]] = ..., role: _Optional[_Union[_messaging_pb2.ChannelRole, str]] = ..., can_post: _Optional[bool] = ..., discussion_group: _Optional[_Union[_messaging_pb2.Peer, _Mapping]] = ..., allowed_reactions: _Optional[_Iterable[str]] = ..., all_reactions: _Optional[bool] = ...) -> None: ...

class WatchMessagesRequest(_message.Message):
    __slots__ = ("account_ids", "cursor")
    ACCOUNT_IDS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    account_ids: _containers.RepeatedScalarFieldContainer[str]
    cursor: str
    def __init__(self, account_ids: _Optional[_Iterable[str]] = ..., cursor: _Optional[str] = ...) -> None: ...

class MessagesDeleted(_message.Message):
    __slots__ = ("peer", "message_ids")
    PEER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    peer: _messaging_pb2.Peer
    message_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, peer: _Optional[_Union[_messaging_pb2.Peer, _Mapping]] = ..., message_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class ChatRead(_message.Message):
    __slots__ = ("peer", "up_to_message_id", "outgoing")
    PEER_FIELD_NUMBER: _ClassVar[int]
    UP_TO_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    OUTGOING_FIELD_NUMBER: _ClassVar[int]
    peer: _messaging_pb2.Peer
    up_to_message_id: int
    outgoing: bool
    def __init__(self, peer: _Optional[_Union[_messaging_pb2.Peer, _Mapping]] = ..., up_to_message_id: _Optional[int] = ..., outgoing: _Optional[bool] = ...) -> None: ...

class ReactionsChanged(_message.Message):
    __slots__ = ("peer", "message_id", "reactions")
    PEER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    REACTIONS_FIELD_NUMBER: _ClassVar[int]
    peer: _messaging_pb2.Peer
    message_id: int
    reactions: _containers.RepeatedCompositeFieldContainer[_messaging_pb2.ReactionCount]
    def __init__(self, peer: _Optional[_Union[_messaging_pb2.Peer, _Mapping]] = ..., message_id: _Optional[int] = ..., reactions: _Optional[_Iterable[_Union[_messaging_pb2.ReactionCount, _Mapping]]] = ...) -> None: ...

class WatchGap(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class WatchMessagesResponse(_message.Message):
    __slots__ = ("cursor", "account_id", "message_added", "message_edited", "messages_deleted", "chat_read", "reactions_changed", "gap", "connection_state", "state_reason")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ADDED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_EDITED_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_DELETED_FIELD_NUMBER: _ClassVar[int]
    CHAT_READ_FIELD_NUMBER: _ClassVar[int]
    REACTIONS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    account_id: str
    message_added: _messaging_pb2.Message
    message_edited: _messaging_pb2.Message
    messages_deleted: MessagesDeleted
    chat_read: ChatRead
    reactions_changed: ReactionsChanged
    gap: WatchGap
    connection_state: _messaging_pb2.ConnectionState
    state_reason: str
    def __init__(self, cursor: _Optional[str] = ..., account_id: _Optional[str] = ..., message_added: _Optional[_Union[_messaging_pb2.Message, _Mapping]] = ..., message_edited: _Optional[_Union[_messaging_pb2.Message, _Mapping]] = ..., messages_deleted: _Optional[_Union[MessagesDeleted, _Mapping]] = ..., chat_read: _Optional[_Union[ChatRead, _Mapping]] = ..., reactions_changed: _Optional[_Union[ReactionsChanged, _Mapping]] = ..., gap: _Optional[_Union[WatchGap, _Mapping]] = ..., connection_state: _Optional[_Union[_messaging_pb2.ConnectionState, str]] = ..., state_reason: _Optional[str] = ...) -> None: ...

class ListConnectionsRequest(_message.Message):
    __slots__ = ("state", "account_id", "page_size", "page_token")
    STATE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    state: _messaging_pb2.ConnectionState
    account_id: str
    page_size: int
    page_token: str
    def __init__(self, state: _Optional[_Union[_messaging_pb2.ConnectionState, str]] = ..., account_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListConnectionsResponse(_message.Message):
    __slots__ = ("connections", "next_page_token")
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    connections: _containers.RepeatedCompositeFieldContainer[_messaging_pb2.Connection]
    next_page_token: str
    def __init__(self, connections: _Optional[_Iterable[_Union[_messaging_pb2.Connection, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
