import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from telegate.local_telegram.v1 import faults_pb2 as _faults_pb2
from telegate.local_telegram.v1 import log_pb2 as _log_pb2
from telegate.local_telegram.v1 import world_pb2 as _world_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StatePart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATE_PART_UNSPECIFIED: _ClassVar[StatePart]
    STATE_PART_WORLD: _ClassVar[StatePart]
    STATE_PART_FAULTS: _ClassVar[StatePart]
    STATE_PART_FLOOD_LIMITS: _ClassVar[StatePart]
    STATE_PART_LOG: _ClassVar[StatePart]
    STATE_PART_COUNTERS: _ClassVar[StatePart]
STATE_PART_UNSPECIFIED: StatePart
STATE_PART_WORLD: StatePart
STATE_PART_FAULTS: StatePart
STATE_PART_FLOOD_LIMITS: StatePart
STATE_PART_LOG: StatePart
STATE_PART_COUNTERS: StatePart

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DataCenter(_message.Message):
    __slots__ = ("data_center", "host", "port")
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    data_center: int
    host: str
    port: int
    def __init__(self, data_center: _Optional[int] = ..., host: _Optional[str] = ..., port: _Optional[int] = ...) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("environment", "data_centers", "default_data_center", "rsa_public_key_pem", "rsa_modulus", "rsa_exponent", "rsa_fingerprint", "layer", "start_time", "state_file")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTERS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    RSA_PUBLIC_KEY_PEM_FIELD_NUMBER: _ClassVar[int]
    RSA_MODULUS_FIELD_NUMBER: _ClassVar[int]
    RSA_EXPONENT_FIELD_NUMBER: _ClassVar[int]
    RSA_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_FILE_FIELD_NUMBER: _ClassVar[int]
    environment: str
    data_centers: _containers.RepeatedCompositeFieldContainer[DataCenter]
    default_data_center: int
    rsa_public_key_pem: str
    rsa_modulus: bytes
    rsa_exponent: int
    rsa_fingerprint: str
    layer: int
    start_time: _timestamp_pb2.Timestamp
    state_file: str
    def __init__(self, environment: _Optional[str] = ..., data_centers: _Optional[_Iterable[_Union[DataCenter, _Mapping]]] = ..., default_data_center: _Optional[int] = ..., rsa_public_key_pem: _Optional[str] = ..., rsa_modulus: _Optional[bytes] = ..., rsa_exponent: _Optional[int] = ..., rsa_fingerprint: _Optional[str] = ..., layer: _Optional[int] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state_file: _Optional[str] = ...) -> None: ...

class NewAccount(_message.Message):
    __slots__ = ("phone", "first_name", "last_name", "username", "password", "password_hint", "data_center", "state", "premium")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    FIRST_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_NAME_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_HINT_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PREMIUM_FIELD_NUMBER: _ClassVar[int]
    phone: str
    first_name: str
    last_name: str
    username: str
    password: str
    password_hint: str
    data_center: int
    state: _world_pb2.AccountState
    premium: bool
    def __init__(self, phone: _Optional[str] = ..., first_name: _Optional[str] = ..., last_name: _Optional[str] = ..., username: _Optional[str] = ..., password: _Optional[str] = ..., password_hint: _Optional[str] = ..., data_center: _Optional[int] = ..., state: _Optional[_Union[_world_pb2.AccountState, str]] = ..., premium: _Optional[bool] = ...) -> None: ...

class CreateAccountRequest(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: NewAccount
    def __init__(self, account: _Optional[_Union[NewAccount, _Mapping]] = ...) -> None: ...

class CreateAccountResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _world_pb2.Account
    def __init__(self, account: _Optional[_Union[_world_pb2.Account, _Mapping]] = ...) -> None: ...

class CreateAccountsRequest(_message.Message):
    __slots__ = ("accounts",)
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[NewAccount]
    def __init__(self, accounts: _Optional[_Iterable[_Union[NewAccount, _Mapping]]] = ...) -> None: ...

class CreateAccountsResponse(_message.Message):
    __slots__ = ("accounts",)
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[_world_pb2.Account]
    def __init__(self, accounts: _Optional[_Iterable[_Union[_world_pb2.Account, _Mapping]]] = ...) -> None: ...

class GetAccountRequest(_message.Message):
    __slots__ = ("account_id", "phone", "username")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    phone: str
    username: str
    def __init__(self, account_id: _Optional[str] = ..., phone: _Optional[str] = ..., username: _Optional[str] = ...) -> None: ...

class GetAccountResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _world_pb2.Account
    def __init__(self, account: _Optional[_Union[_world_pb2.Account, _Mapping]] = ...) -> None: ...

class ListAccountsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAccountsResponse(_message.Message):
    __slots__ = ("accounts", "next_page_token")
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[_world_pb2.Account]
    next_page_token: str
    def __init__(self, accounts: _Optional[_Iterable[_Union[_world_pb2.Account, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateAccountRequest(_message.Message):
    __slots__ = ("account", "update_mask", "password")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    account: _world_pb2.Account
    update_mask: _field_mask_pb2.FieldMask
    password: str
    def __init__(self, account: _Optional[_Union[_world_pb2.Account, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., password: _Optional[str] = ...) -> None: ...

class UpdateAccountResponse(_message.Message):
    __slots__ = ("account",)
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account: _world_pb2.Account
    def __init__(self, account: _Optional[_Union[_world_pb2.Account, _Mapping]] = ...) -> None: ...

class GetLoginCodeRequest(_message.Message):
    __slots__ = ("phone", "wait", "sent_after_time")
    PHONE_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    SENT_AFTER_TIME_FIELD_NUMBER: _ClassVar[int]
    phone: str
    wait: _duration_pb2.Duration
    sent_after_time: _timestamp_pb2.Timestamp
    def __init__(self, phone: _Optional[str] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., sent_after_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetLoginCodeResponse(_message.Message):
    __slots__ = ("code",)
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: _world_pb2.LoginCode
    def __init__(self, code: _Optional[_Union[_world_pb2.LoginCode, _Mapping]] = ...) -> None: ...

class AcceptLoginTokenRequest(_message.Message):
    __slots__ = ("token", "account_id")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    account_id: str
    def __init__(self, token: _Optional[bytes] = ..., account_id: _Optional[str] = ...) -> None: ...

class AcceptLoginTokenResponse(_message.Message):
    __slots__ = ("password_needed",)
    PASSWORD_NEEDED_FIELD_NUMBER: _ClassVar[int]
    password_needed: bool
    def __init__(self, password_needed: _Optional[bool] = ...) -> None: ...

class CreateAuthorizationRequest(_message.Message):
    __slots__ = ("account_id", "count")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    count: int
    def __init__(self, account_id: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class AuthorizedKey(_message.Message):
    __slots__ = ("authorization", "auth_key")
    AUTHORIZATION_FIELD_NUMBER: _ClassVar[int]
    AUTH_KEY_FIELD_NUMBER: _ClassVar[int]
    authorization: _world_pb2.Authorization
    auth_key: bytes
    def __init__(self, authorization: _Optional[_Union[_world_pb2.Authorization, _Mapping]] = ..., auth_key: _Optional[bytes] = ...) -> None: ...

class CreateAuthorizationResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[AuthorizedKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[AuthorizedKey, _Mapping]]] = ...) -> None: ...

class ListAuthorizationsRequest(_message.Message):
    __slots__ = ("account_id", "live_only", "page_size", "page_token")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    LIVE_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    live_only: bool
    page_size: int
    page_token: str
    def __init__(self, account_id: _Optional[str] = ..., live_only: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAuthorizationsResponse(_message.Message):
    __slots__ = ("authorizations", "next_page_token")
    AUTHORIZATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    authorizations: _containers.RepeatedCompositeFieldContainer[_world_pb2.Authorization]
    next_page_token: str
    def __init__(self, authorizations: _Optional[_Iterable[_Union[_world_pb2.Authorization, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class EndAuthorizationRequest(_message.Message):
    __slots__ = ("key_id", "end")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    end: _world_pb2.AuthorizationEnd
    def __init__(self, key_id: _Optional[str] = ..., end: _Optional[_Union[_world_pb2.AuthorizationEnd, str]] = ...) -> None: ...

class EndAuthorizationResponse(_message.Message):
    __slots__ = ("authorization",)
    AUTHORIZATION_FIELD_NUMBER: _ClassVar[int]
    authorization: _world_pb2.Authorization
    def __init__(self, authorization: _Optional[_Union[_world_pb2.Authorization, _Mapping]] = ...) -> None: ...

class CreateChannelRequest(_message.Message):
    __slots__ = ("kind", "title", "username", "about", "creator_account_id", "with_discussion_group", "member_account_ids")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    CREATOR_ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    WITH_DISCUSSION_GROUP_FIELD_NUMBER: _ClassVar[int]
    MEMBER_ACCOUNT_IDS_FIELD_NUMBER: _ClassVar[int]
    kind: _world_pb2.ChannelKind
    title: str
    username: str
    about: str
    creator_account_id: str
    with_discussion_group: bool
    member_account_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, kind: _Optional[_Union[_world_pb2.ChannelKind, str]] = ..., title: _Optional[str] = ..., username: _Optional[str] = ..., about: _Optional[str] = ..., creator_account_id: _Optional[str] = ..., with_discussion_group: _Optional[bool] = ..., member_account_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CreateChannelResponse(_message.Message):
    __slots__ = ("channel", "discussion_group")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    DISCUSSION_GROUP_FIELD_NUMBER: _ClassVar[int]
    channel: _world_pb2.Channel
    discussion_group: _world_pb2.Channel
    def __init__(self, channel: _Optional[_Union[_world_pb2.Channel, _Mapping]] = ..., discussion_group: _Optional[_Union[_world_pb2.Channel, _Mapping]] = ...) -> None: ...

class GetChannelRequest(_message.Message):
    __slots__ = ("channel_id", "username")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    username: str
    def __init__(self, channel_id: _Optional[str] = ..., username: _Optional[str] = ...) -> None: ...

class GetChannelResponse(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: _world_pb2.Channel
    def __init__(self, channel: _Optional[_Union[_world_pb2.Channel, _Mapping]] = ...) -> None: ...

class ListChannelsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListChannelsResponse(_message.Message):
    __slots__ = ("channels", "next_page_token")
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedCompositeFieldContainer[_world_pb2.Channel]
    next_page_token: str
    def __init__(self, channels: _Optional[_Iterable[_Union[_world_pb2.Channel, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateChannelRequest(_message.Message):
    __slots__ = ("channel", "update_mask")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    channel: _world_pb2.Channel
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, channel: _Optional[_Union[_world_pb2.Channel, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateChannelResponse(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: _world_pb2.Channel
    def __init__(self, channel: _Optional[_Union[_world_pb2.Channel, _Mapping]] = ...) -> None: ...

class DeleteChannelRequest(_message.Message):
    __slots__ = ("channel_id",)
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    def __init__(self, channel_id: _Optional[str] = ...) -> None: ...

class DeleteChannelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetMemberRequest(_message.Message):
    __slots__ = ("channel_id", "account_id", "role", "admin_rights")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ADMIN_RIGHTS_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    account_id: str
    role: _world_pb2.ChannelRole
    admin_rights: _world_pb2.AdminRights
    def __init__(self, channel_id: _Optional[str] = ..., account_id: _Optional[str] = ..., role: _Optional[_Union[_world_pb2.ChannelRole, str]] = ..., admin_rights: _Optional[_Union[_world_pb2.AdminRights, _Mapping]] = ...) -> None: ...

class SetMemberResponse(_message.Message):
    __slots__ = ("member",)
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    member: _world_pb2.Member
    def __init__(self, member: _Optional[_Union[_world_pb2.Member, _Mapping]] = ...) -> None: ...

class ListMembersRequest(_message.Message):
    __slots__ = ("channel_id", "page_size", "page_token")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    page_size: int
    page_token: str
    def __init__(self, channel_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMembersResponse(_message.Message):
    __slots__ = ("members", "next_page_token")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[_world_pb2.Member]
    next_page_token: str
    def __init__(self, members: _Optional[_Iterable[_Union[_world_pb2.Member, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class NewPost(_message.Message):
    __slots__ = ("text", "post_time")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    POST_TIME_FIELD_NUMBER: _ClassVar[int]
    text: str
    post_time: _timestamp_pb2.Timestamp
    def __init__(self, text: _Optional[str] = ..., post_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreatePostsRequest(_message.Message):
    __slots__ = ("channel_id", "posts")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    POSTS_FIELD_NUMBER: _ClassVar[int]
    channel_id: str
    posts: _containers.RepeatedCompositeFieldContainer[NewPost]
    def __init__(self, channel_id: _Optional[str] = ..., posts: _Optional[_Iterable[_Union[NewPost, _Mapping]]] = ...) -> None: ...

class CreatePostsResponse(_message.Message):
    __slots__ = ("posts",)
    POSTS_FIELD_NUMBER: _ClassVar[int]
    posts: _containers.RepeatedCompositeFieldContainer[_world_pb2.Message]
    def __init__(self, posts: _Optional[_Iterable[_Union[_world_pb2.Message, _Mapping]]] = ...) -> None: ...

class SendMessageRequest(_message.Message):
    __slots__ = ("account_id", "to", "text", "reply_to_message_id", "comment_on_post_id", "random_id")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    COMMENT_ON_POST_ID_FIELD_NUMBER: _ClassVar[int]
    RANDOM_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    to: _world_pb2.Peer
    text: str
    reply_to_message_id: int
    comment_on_post_id: int
    random_id: int
    def __init__(self, account_id: _Optional[str] = ..., to: _Optional[_Union[_world_pb2.Peer, _Mapping]] = ..., text: _Optional[str] = ..., reply_to_message_id: _Optional[int] = ..., comment_on_post_id: _Optional[int] = ..., random_id: _Optional[int] = ...) -> None: ...

class SendMessageResponse(_message.Message):
    __slots__ = ("message", "receiver_message_id")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    message: _world_pb2.Message
    receiver_message_id: int
    def __init__(self, message: _Optional[_Union[_world_pb2.Message, _Mapping]] = ..., receiver_message_id: _Optional[int] = ...) -> None: ...

class EditMessageRequest(_message.Message):
    __slots__ = ("account_id", "peer", "message_id", "text")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    peer: _world_pb2.Peer
    message_id: int
    text: str
    def __init__(self, account_id: _Optional[str] = ..., peer: _Optional[_Union[_world_pb2.Peer, _Mapping]] = ..., message_id: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class EditMessageResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _world_pb2.Message
    def __init__(self, message: _Optional[_Union[_world_pb2.Message, _Mapping]] = ...) -> None: ...

class DeleteMessagesRequest(_message.Message):
    __slots__ = ("account_id", "peer", "message_ids")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    peer: _world_pb2.Peer
    message_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, account_id: _Optional[str] = ..., peer: _Optional[_Union[_world_pb2.Peer, _Mapping]] = ..., message_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class DeleteMessagesResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class MarkReadRequest(_message.Message):
    __slots__ = ("account_id", "peer", "up_to_message_id")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    UP_TO_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    peer: _world_pb2.Peer
    up_to_message_id: int
    def __init__(self, account_id: _Optional[str] = ..., peer: _Optional[_Union[_world_pb2.Peer, _Mapping]] = ..., up_to_message_id: _Optional[int] = ...) -> None: ...

class MarkReadResponse(_message.Message):
    __slots__ = ("unread_count",)
    UNREAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    unread_count: int
    def __init__(self, unread_count: _Optional[int] = ...) -> None: ...

class SetReactionRequest(_message.Message):
    __slots__ = ("account_id", "peer", "message_id", "emoji")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    EMOJI_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    peer: _world_pb2.Peer
    message_id: int
    emoji: str
    def __init__(self, account_id: _Optional[str] = ..., peer: _Optional[_Union[_world_pb2.Peer, _Mapping]] = ..., message_id: _Optional[int] = ..., emoji: _Optional[str] = ...) -> None: ...

class SetReactionResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _world_pb2.Message
    def __init__(self, message: _Optional[_Union[_world_pb2.Message, _Mapping]] = ...) -> None: ...

class ListMessagesRequest(_message.Message):
    __slots__ = ("account_id", "peer", "comment_on_post_id", "show_deleted", "show_scheduled", "page_size", "page_token")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    COMMENT_ON_POST_ID_FIELD_NUMBER: _ClassVar[int]
    SHOW_DELETED_FIELD_NUMBER: _ClassVar[int]
    SHOW_SCHEDULED_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    peer: _world_pb2.Peer
    comment_on_post_id: int
    show_deleted: bool
    show_scheduled: bool
    page_size: int
    page_token: str
    def __init__(self, account_id: _Optional[str] = ..., peer: _Optional[_Union[_world_pb2.Peer, _Mapping]] = ..., comment_on_post_id: _Optional[int] = ..., show_deleted: _Optional[bool] = ..., show_scheduled: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMessagesResponse(_message.Message):
    __slots__ = ("messages", "next_page_token")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_world_pb2.Message]
    next_page_token: str
    def __init__(self, messages: _Optional[_Iterable[_Union[_world_pb2.Message, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateFaultRequest(_message.Message):
    __slots__ = ("spec",)
    SPEC_FIELD_NUMBER: _ClassVar[int]
    spec: _faults_pb2.FaultSpec
    def __init__(self, spec: _Optional[_Union[_faults_pb2.FaultSpec, _Mapping]] = ...) -> None: ...

class CreateFaultResponse(_message.Message):
    __slots__ = ("fault",)
    FAULT_FIELD_NUMBER: _ClassVar[int]
    fault: _faults_pb2.Fault
    def __init__(self, fault: _Optional[_Union[_faults_pb2.Fault, _Mapping]] = ...) -> None: ...

class ListFaultsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListFaultsResponse(_message.Message):
    __slots__ = ("faults", "next_page_token")
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    faults: _containers.RepeatedCompositeFieldContainer[_faults_pb2.Fault]
    next_page_token: str
    def __init__(self, faults: _Optional[_Iterable[_Union[_faults_pb2.Fault, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteFaultRequest(_message.Message):
    __slots__ = ("fault_id",)
    FAULT_ID_FIELD_NUMBER: _ClassVar[int]
    fault_id: str
    def __init__(self, fault_id: _Optional[str] = ...) -> None: ...

class DeleteFaultResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteAllFaultsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteAllFaultsResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class SetFloodLimitRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: _faults_pb2.FloodLimit
    def __init__(self, limit: _Optional[_Union[_faults_pb2.FloodLimit, _Mapping]] = ...) -> None: ...

class SetFloodLimitResponse(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: _faults_pb2.FloodLimit
    def __init__(self, limit: _Optional[_Union[_faults_pb2.FloodLimit, _Mapping]] = ...) -> None: ...

class ListFloodLimitsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListFloodLimitsResponse(_message.Message):
    __slots__ = ("limits", "next_page_token")
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    limits: _containers.RepeatedCompositeFieldContainer[_faults_pb2.FloodLimit]
    next_page_token: str
    def __init__(self, limits: _Optional[_Iterable[_Union[_faults_pb2.FloodLimit, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteFloodLimitRequest(_message.Message):
    __slots__ = ("method",)
    METHOD_FIELD_NUMBER: _ClassVar[int]
    method: str
    def __init__(self, method: _Optional[str] = ...) -> None: ...

class DeleteFloodLimitResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CloseConnectionsRequest(_message.Message):
    __slots__ = ("scope",)
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    scope: _faults_pb2.FaultScope
    def __init__(self, scope: _Optional[_Union[_faults_pb2.FaultScope, _Mapping]] = ...) -> None: ...

class CloseConnectionsResponse(_message.Message):
    __slots__ = ("closed_count",)
    CLOSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    closed_count: int
    def __init__(self, closed_count: _Optional[int] = ...) -> None: ...

class ListConnectionsRequest(_message.Message):
    __slots__ = ("open_only", "key_id", "account_id", "data_center", "page_size", "page_token")
    OPEN_ONLY_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    open_only: bool
    key_id: str
    account_id: str
    data_center: int
    page_size: int
    page_token: str
    def __init__(self, open_only: _Optional[bool] = ..., key_id: _Optional[str] = ..., account_id: _Optional[str] = ..., data_center: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListConnectionsResponse(_message.Message):
    __slots__ = ("connections", "next_page_token", "dropped_count")
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DROPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    connections: _containers.RepeatedCompositeFieldContainer[_log_pb2.Connection]
    next_page_token: str
    dropped_count: int
    def __init__(self, connections: _Optional[_Iterable[_Union[_log_pb2.Connection, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., dropped_count: _Optional[int] = ...) -> None: ...

class ListCallsRequest(_message.Message):
    __slots__ = ("account_id", "key_id", "connection_id", "methods", "started_from_time", "started_before_time", "page_size", "page_token")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    STARTED_FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    STARTED_BEFORE_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    key_id: str
    connection_id: str
    methods: _containers.RepeatedScalarFieldContainer[str]
    started_from_time: _timestamp_pb2.Timestamp
    started_before_time: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, account_id: _Optional[str] = ..., key_id: _Optional[str] = ..., connection_id: _Optional[str] = ..., methods: _Optional[_Iterable[str]] = ..., started_from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_before_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCallsResponse(_message.Message):
    __slots__ = ("calls", "next_page_token", "dropped_count")
    CALLS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DROPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    calls: _containers.RepeatedCompositeFieldContainer[_log_pb2.Call]
    next_page_token: str
    dropped_count: int
    def __init__(self, calls: _Optional[_Iterable[_Union[_log_pb2.Call, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., dropped_count: _Optional[int] = ...) -> None: ...

class WatchLogRequest(_message.Message):
    __slots__ = ("after_sequence", "without_calls")
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_CALLS_FIELD_NUMBER: _ClassVar[int]
    after_sequence: int
    without_calls: bool
    def __init__(self, after_sequence: _Optional[int] = ..., without_calls: _Optional[bool] = ...) -> None: ...

class WatchLogResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_log_pb2.LogEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[_log_pb2.LogEvent, _Mapping]]] = ...) -> None: ...

class GetCountersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCountersResponse(_message.Message):
    __slots__ = ("counters",)
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    counters: _log_pb2.Counters
    def __init__(self, counters: _Optional[_Union[_log_pb2.Counters, _Mapping]] = ...) -> None: ...

class ResetStateRequest(_message.Message):
    __slots__ = ("parts", "seed")
    PARTS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.RepeatedScalarFieldContainer[StatePart]
    seed: bool
    def __init__(self, parts: _Optional[_Iterable[_Union[StatePart, str]]] = ..., seed: _Optional[bool] = ...) -> None: ...

class ResetStateResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
