import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccountState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCOUNT_STATE_UNSPECIFIED: _ClassVar[AccountState]
    ACCOUNT_STATE_ACTIVE: _ClassVar[AccountState]
    ACCOUNT_STATE_LIMITED: _ClassVar[AccountState]
    ACCOUNT_STATE_FROZEN: _ClassVar[AccountState]
    ACCOUNT_STATE_BANNED: _ClassVar[AccountState]
    ACCOUNT_STATE_DEACTIVATED: _ClassVar[AccountState]

class AuthorizationEnd(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUTHORIZATION_END_UNSPECIFIED: _ClassVar[AuthorizationEnd]
    AUTHORIZATION_END_LOGGED_OUT: _ClassVar[AuthorizationEnd]
    AUTHORIZATION_END_REVOKED: _ClassVar[AuthorizationEnd]
    AUTHORIZATION_END_EXPIRED: _ClassVar[AuthorizationEnd]
    AUTHORIZATION_END_DUPLICATED: _ClassVar[AuthorizationEnd]
    AUTHORIZATION_END_KEY_DESTROYED: _ClassVar[AuthorizationEnd]

class LoginCodeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOGIN_CODE_KIND_UNSPECIFIED: _ClassVar[LoginCodeKind]
    LOGIN_CODE_KIND_APP: _ClassVar[LoginCodeKind]
    LOGIN_CODE_KIND_SMS: _ClassVar[LoginCodeKind]
    LOGIN_CODE_KIND_CALL: _ClassVar[LoginCodeKind]

class ChannelKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_KIND_UNSPECIFIED: _ClassVar[ChannelKind]
    CHANNEL_KIND_BROADCAST: _ClassVar[ChannelKind]
    CHANNEL_KIND_SUPERGROUP: _ClassVar[ChannelKind]

class ChannelRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_ROLE_UNSPECIFIED: _ClassVar[ChannelRole]
    CHANNEL_ROLE_CREATOR: _ClassVar[ChannelRole]
    CHANNEL_ROLE_ADMIN: _ClassVar[ChannelRole]
    CHANNEL_ROLE_MEMBER: _ClassVar[ChannelRole]
    CHANNEL_ROLE_LEFT: _ClassVar[ChannelRole]
    CHANNEL_ROLE_BANNED: _ClassVar[ChannelRole]
ACCOUNT_STATE_UNSPECIFIED: AccountState
ACCOUNT_STATE_ACTIVE: AccountState
ACCOUNT_STATE_LIMITED: AccountState
ACCOUNT_STATE_FROZEN: AccountState
ACCOUNT_STATE_BANNED: AccountState
ACCOUNT_STATE_DEACTIVATED: AccountState
AUTHORIZATION_END_UNSPECIFIED: AuthorizationEnd
AUTHORIZATION_END_LOGGED_OUT: AuthorizationEnd
AUTHORIZATION_END_REVOKED: AuthorizationEnd
AUTHORIZATION_END_EXPIRED: AuthorizationEnd
AUTHORIZATION_END_DUPLICATED: AuthorizationEnd
AUTHORIZATION_END_KEY_DESTROYED: AuthorizationEnd
LOGIN_CODE_KIND_UNSPECIFIED: LoginCodeKind
LOGIN_CODE_KIND_APP: LoginCodeKind
LOGIN_CODE_KIND_SMS: LoginCodeKind
LOGIN_CODE_KIND_CALL: LoginCodeKind
CHANNEL_KIND_UNSPECIFIED: ChannelKind
CHANNEL_KIND_BROADCAST: ChannelKind
CHANNEL_KIND_SUPERGROUP: ChannelKind
CHANNEL_ROLE_UNSPECIFIED: ChannelRole
CHANNEL_ROLE_CREATOR: ChannelRole
CHANNEL_ROLE_ADMIN: ChannelRole
CHANNEL_ROLE_MEMBER: ChannelRole
CHANNEL_ROLE_LEFT: ChannelRole
CHANNEL_ROLE_BANNED: ChannelRole

class Account(_message.Message):
    __slots__ = ("account_id", "phone", "first_name", "last_name", "username", "has_password", "password_hint", "data_center", "state", "premium", "create_time", "live_authorizations")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    FIRST_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_NAME_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    HAS_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_HINT_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PREMIUM_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LIVE_AUTHORIZATIONS_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    phone: str
    first_name: str
    last_name: str
    username: str
    has_password: bool
    password_hint: str
    data_center: int
    state: AccountState
    premium: bool
    create_time: _timestamp_pb2.Timestamp
    live_authorizations: int
    def __init__(self, account_id: _Optional[str] = ..., phone: _Optional[str] = ..., first_name: _Optional[str] = ..., last_name: _Optional[str] = ..., username: _Optional[str] = ..., has_password: _Optional[bool] = ..., password_hint: _Optional[str] = ..., data_center: _Optional[int] = ..., state: _Optional[_Union[AccountState, str]] = ..., premium: _Optional[bool] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., live_authorizations: _Optional[int] = ...) -> None: ...

class Authorization(_message.Message):
    __slots__ = ("key_id", "account_id", "data_center", "create_time", "last_call_time", "end", "end_time", "device")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_CALL_TIME_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    account_id: str
    data_center: int
    create_time: _timestamp_pb2.Timestamp
    last_call_time: _timestamp_pb2.Timestamp
    end: AuthorizationEnd
    end_time: _timestamp_pb2.Timestamp
    device: str
    def __init__(self, key_id: _Optional[str] = ..., account_id: _Optional[str] = ..., data_center: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_call_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end: _Optional[_Union[AuthorizationEnd, str]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., device: _Optional[str] = ...) -> None: ...

class LoginCode(_message.Message):
    __slots__ = ("phone", "code", "phone_code_hash", "kind", "send_time", "expire_time", "wrong_attempts")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    PHONE_CODE_HASH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    WRONG_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    phone: str
    code: str
    phone_code_hash: str
    kind: LoginCodeKind
    send_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    wrong_attempts: int
    def __init__(self, phone: _Optional[str] = ..., code: _Optional[str] = ..., phone_code_hash: _Optional[str] = ..., kind: _Optional[_Union[LoginCodeKind, str]] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., wrong_attempts: _Optional[int] = ...) -> None: ...

class AllowedReactions(_message.Message):
    __slots__ = ("all", "emoji")
    ALL_FIELD_NUMBER: _ClassVar[int]
    EMOJI_FIELD_NUMBER: _ClassVar[int]
    all: bool
    emoji: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, all: _Optional[bool] = ..., emoji: _Optional[_Iterable[str]] = ...) -> None: ...

class Channel(_message.Message):
    __slots__ = ("channel_id", "kind", "title", "username", "about", "creator_account_id", "linked_channel_id", "allowed_reactions", "slow_mode_seconds", "member_count", "last_message_id", "create_time")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    CREATOR_ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    LINKED_CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_REACTIONS_FIELD_NUMBER: _ClassVar[int]
    SLOW_MODE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MEMBER_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    kind: ChannelKind
    title: str
    username: str
    about: str
    creator_account_id: str
    linked_channel_id: str
    allowed_reactions: AllowedReactions
    slow_mode_seconds: int
    member_count: int
    last_message_id: int
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, channel_id: _Optional[str] = ..., kind: _Optional[_Union[ChannelKind, str]] = ..., title: _Optional[str] = ..., username: _Optional[str] = ..., about: _Optional[str] = ..., creator_account_id: _Optional[str] = ..., linked_channel_id: _Optional[str] = ..., allowed_reactions: _Optional[_Union[AllowedReactions, _Mapping]] = ..., slow_mode_seconds: _Optional[int] = ..., member_count: _Optional[int] = ..., last_message_id: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AdminRights(_message.Message):
    __slots__ = ("post_messages", "edit_messages", "delete_messages", "change_info", "ban_users", "invite_users", "pin_messages", "add_admins")
    POST_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    EDIT_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    DELETE_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    CHANGE_INFO_FIELD_NUMBER: _ClassVar[int]
    BAN_USERS_FIELD_NUMBER: _ClassVar[int]
    INVITE_USERS_FIELD_NUMBER: _ClassVar[int]
    PIN_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    ADD_ADMINS_FIELD_NUMBER: _ClassVar[int]
    post_messages: bool
    edit_messages: bool
    delete_messages: bool
    change_info: bool
    ban_users: bool
    invite_users: bool
    pin_messages: bool
    add_admins: bool
    def __init__(self, post_messages: _Optional[bool] = ..., edit_messages: _Optional[bool] = ..., delete_messages: _Optional[bool] = ..., change_info: _Optional[bool] = ..., ban_users: _Optional[bool] = ..., invite_users: _Optional[bool] = ..., pin_messages: _Optional[bool] = ..., add_admins: _Optional[bool] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("channel_id", "account_id", "role", "admin_rights", "join_time")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ADMIN_RIGHTS_FIELD_NUMBER: _ClassVar[int]
    JOIN_TIME_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    account_id: str
    role: ChannelRole
    admin_rights: AdminRights
    join_time: _timestamp_pb2.Timestamp
    def __init__(self, channel_id: _Optional[str] = ..., account_id: _Optional[str] = ..., role: _Optional[_Union[ChannelRole, str]] = ..., admin_rights: _Optional[_Union[AdminRights, _Mapping]] = ..., join_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Peer(_message.Message):
    __slots__ = ("account_id", "channel_id", "username")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    channel_id: str
    username: str
    def __init__(self, account_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., username: _Optional[str] = ...) -> None: ...

class Reaction(_message.Message):
    __slots__ = ("emoji", "account_ids")
    EMOJI_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_IDS_FIELD_NUMBER: _ClassVar[int]
    emoji: str
    account_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, emoji: _Optional[str] = ..., account_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("peer", "message_id", "sender_account_id", "text", "send_time", "edit_time", "reply_to_message_id", "comment_on_post_id", "random_id", "reactions", "view_count", "comment_count", "deleted", "media_kind", "media_size", "schedule_time")
    PEER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    EDIT_TIME_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    COMMENT_ON_POST_ID_FIELD_NUMBER: _ClassVar[int]
    RANDOM_ID_FIELD_NUMBER: _ClassVar[int]
    REACTIONS_FIELD_NUMBER: _ClassVar[int]
    VIEW_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    MEDIA_KIND_FIELD_NUMBER: _ClassVar[int]
    MEDIA_SIZE_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_TIME_FIELD_NUMBER: _ClassVar[int]
    peer: Peer
    message_id: int
    sender_account_id: str
    text: str
    send_time: _timestamp_pb2.Timestamp
    edit_time: _timestamp_pb2.Timestamp
    reply_to_message_id: int
    comment_on_post_id: int
    random_id: int
    reactions: _containers.RepeatedCompositeFieldContainer[Reaction]
    view_count: int
    comment_count: int
    deleted: bool
    media_kind: str
    media_size: int
    schedule_time: _timestamp_pb2.Timestamp
    def __init__(self, peer: _Optional[_Union[Peer, _Mapping]] = ..., message_id: _Optional[int] = ..., sender_account_id: _Optional[str] = ..., text: _Optional[str] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., edit_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reply_to_message_id: _Optional[int] = ..., comment_on_post_id: _Optional[int] = ..., random_id: _Optional[int] = ..., reactions: _Optional[_Iterable[_Union[Reaction, _Mapping]]] = ..., view_count: _Optional[int] = ..., comment_count: _Optional[int] = ..., deleted: _Optional[bool] = ..., media_kind: _Optional[str] = ..., media_size: _Optional[int] = ..., schedule_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
