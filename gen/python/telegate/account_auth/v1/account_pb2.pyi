import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccountStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCOUNT_STATUS_UNSPECIFIED: _ClassVar[AccountStatus]
    ACCOUNT_STATUS_ACTIVE: _ClassVar[AccountStatus]
    ACCOUNT_STATUS_PAUSED: _ClassVar[AccountStatus]

class AccountState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCOUNT_STATE_UNSPECIFIED: _ClassVar[AccountState]
    ACCOUNT_STATE_NEW: _ClassVar[AccountState]
    ACCOUNT_STATE_AUTHORISED: _ClassVar[AccountState]
    ACCOUNT_STATE_NEEDS_LOGIN: _ClassVar[AccountState]
    ACCOUNT_STATE_LIMITED: _ClassVar[AccountState]
    ACCOUNT_STATE_FROZEN: _ClassVar[AccountState]
    ACCOUNT_STATE_BANNED: _ClassVar[AccountState]

class LoginState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOGIN_STATE_UNSPECIFIED: _ClassVar[LoginState]
    LOGIN_STATE_CODE_SENT: _ClassVar[LoginState]
    LOGIN_STATE_QR_SHOWN: _ClassVar[LoginState]
    LOGIN_STATE_PASSWORD_NEEDED: _ClassVar[LoginState]
    LOGIN_STATE_AUTHORISED: _ClassVar[LoginState]
    LOGIN_STATE_CANCELLED: _ClassVar[LoginState]
    LOGIN_STATE_FAILED: _ClassVar[LoginState]

class CodeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CODE_KIND_UNSPECIFIED: _ClassVar[CodeKind]
    CODE_KIND_APP: _ClassVar[CodeKind]
    CODE_KIND_SMS: _ClassVar[CodeKind]
    CODE_KIND_CALL: _ClassVar[CodeKind]
    CODE_KIND_EMAIL: _ClassVar[CodeKind]
ACCOUNT_STATUS_UNSPECIFIED: AccountStatus
ACCOUNT_STATUS_ACTIVE: AccountStatus
ACCOUNT_STATUS_PAUSED: AccountStatus
ACCOUNT_STATE_UNSPECIFIED: AccountState
ACCOUNT_STATE_NEW: AccountState
ACCOUNT_STATE_AUTHORISED: AccountState
ACCOUNT_STATE_NEEDS_LOGIN: AccountState
ACCOUNT_STATE_LIMITED: AccountState
ACCOUNT_STATE_FROZEN: AccountState
ACCOUNT_STATE_BANNED: AccountState
LOGIN_STATE_UNSPECIFIED: LoginState
LOGIN_STATE_CODE_SENT: LoginState
LOGIN_STATE_QR_SHOWN: LoginState
LOGIN_STATE_PASSWORD_NEEDED: LoginState
LOGIN_STATE_AUTHORISED: LoginState
LOGIN_STATE_CANCELLED: LoginState
LOGIN_STATE_FAILED: LoginState
CODE_KIND_UNSPECIFIED: CodeKind
CODE_KIND_APP: CodeKind
CODE_KIND_SMS: CodeKind
CODE_KIND_CALL: CodeKind
CODE_KIND_EMAIL: CodeKind

class Account(_message.Message):
    __slots__ = ("account_id", "name", "phone", "status", "state", "state_reason", "session_id", "labels", "telegram_user_id", "username", "environment", "allow_direct", "create_time", "login_time", "check_time", "etag")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TELEGRAM_USER_ID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    ALLOW_DIRECT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LOGIN_TIME_FIELD_NUMBER: _ClassVar[int]
    CHECK_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    name: str
    phone: str
    status: AccountStatus
    state: AccountState
    state_reason: str
    session_id: int
    labels: _containers.ScalarMap[str, str]
    telegram_user_id: str
    username: str
    environment: str
    allow_direct: bool
    create_time: _timestamp_pb2.Timestamp
    login_time: _timestamp_pb2.Timestamp
    check_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, account_id: _Optional[str] = ..., name: _Optional[str] = ..., phone: _Optional[str] = ..., status: _Optional[_Union[AccountStatus, str]] = ..., state: _Optional[_Union[AccountState, str]] = ..., state_reason: _Optional[str] = ..., session_id: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ..., telegram_user_id: _Optional[str] = ..., username: _Optional[str] = ..., environment: _Optional[str] = ..., allow_direct: _Optional[bool] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., login_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., check_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class Login(_message.Message):
    __slots__ = ("login_id", "phone", "state", "code_kind", "code_length", "next_code_kind", "resend_time", "attempts_left", "password_hint", "expire_time", "create_time", "account_id", "session_id", "end_reason")
    LOGIN_ID_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CODE_KIND_FIELD_NUMBER: _ClassVar[int]
    CODE_LENGTH_FIELD_NUMBER: _ClassVar[int]
    NEXT_CODE_KIND_FIELD_NUMBER: _ClassVar[int]
    RESEND_TIME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_HINT_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    END_REASON_FIELD_NUMBER: _ClassVar[int]
    login_id: str
    phone: str
    state: LoginState
    code_kind: CodeKind
    code_length: int
    next_code_kind: CodeKind
    resend_time: _timestamp_pb2.Timestamp
    attempts_left: int
    password_hint: str
    expire_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    account_id: str
    session_id: int
    end_reason: str
    def __init__(self, login_id: _Optional[str] = ..., phone: _Optional[str] = ..., state: _Optional[_Union[LoginState, str]] = ..., code_kind: _Optional[_Union[CodeKind, str]] = ..., code_length: _Optional[int] = ..., next_code_kind: _Optional[_Union[CodeKind, str]] = ..., resend_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attempts_left: _Optional[int] = ..., password_hint: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., account_id: _Optional[str] = ..., session_id: _Optional[int] = ..., end_reason: _Optional[str] = ...) -> None: ...
