import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Event(_message.Message):
    __slots__ = ("event_id", "version", "tenant_id", "entity_id", "sequence", "occur_time", "lease_acquired", "lease_released", "lease_expired", "lease_revoked", "flood_wait_started", "flood_wait_ended", "session_added", "session_removed", "session_invalidated", "session_restored", "session_quarantined", "session_updated", "account_authorised", "account_logged_out", "account_needs_login", "account_limited", "account_frozen", "account_banned", "credential_revoked", "account_deleted", "session_degraded", "breaker_opened", "breaker_closed", "message_sent", "message_received", "session_limited", "proxy_up", "proxy_down", "campaign_progressed", "action_ended", "target_changed", "kill_switch_set")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    ENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    LEASE_ACQUIRED_FIELD_NUMBER: _ClassVar[int]
    LEASE_RELEASED_FIELD_NUMBER: _ClassVar[int]
    LEASE_EXPIRED_FIELD_NUMBER: _ClassVar[int]
    LEASE_REVOKED_FIELD_NUMBER: _ClassVar[int]
    FLOOD_WAIT_STARTED_FIELD_NUMBER: _ClassVar[int]
    FLOOD_WAIT_ENDED_FIELD_NUMBER: _ClassVar[int]
    SESSION_ADDED_FIELD_NUMBER: _ClassVar[int]
    SESSION_REMOVED_FIELD_NUMBER: _ClassVar[int]
    SESSION_INVALIDATED_FIELD_NUMBER: _ClassVar[int]
    SESSION_RESTORED_FIELD_NUMBER: _ClassVar[int]
    SESSION_QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    SESSION_UPDATED_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_AUTHORISED_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_LOGGED_OUT_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_NEEDS_LOGIN_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_LIMITED_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FROZEN_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_BANNED_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_REVOKED_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_DELETED_FIELD_NUMBER: _ClassVar[int]
    SESSION_DEGRADED_FIELD_NUMBER: _ClassVar[int]
    BREAKER_OPENED_FIELD_NUMBER: _ClassVar[int]
    BREAKER_CLOSED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_SENT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    SESSION_LIMITED_FIELD_NUMBER: _ClassVar[int]
    PROXY_UP_FIELD_NUMBER: _ClassVar[int]
    PROXY_DOWN_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_PROGRESSED_FIELD_NUMBER: _ClassVar[int]
    ACTION_ENDED_FIELD_NUMBER: _ClassVar[int]
    TARGET_CHANGED_FIELD_NUMBER: _ClassVar[int]
    KILL_SWITCH_SET_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    version: int
    tenant_id: str
    entity_id: str
    sequence: int
    occur_time: _timestamp_pb2.Timestamp
    lease_acquired: LeaseAcquired
    lease_released: LeaseReleased
    lease_expired: LeaseExpired
    lease_revoked: LeaseRevoked
    flood_wait_started: FloodWaitStarted
    flood_wait_ended: FloodWaitEnded
    session_added: SessionAdded
    session_removed: SessionRemoved
    session_invalidated: SessionInvalidated
    session_restored: SessionRestored
    session_quarantined: SessionQuarantined
    session_updated: SessionUpdated
    account_authorised: AccountAuthorised
    account_logged_out: AccountLoggedOut
    account_needs_login: AccountNeedsLogin
    account_limited: AccountLimited
    account_frozen: AccountFrozen
    account_banned: AccountBanned
    credential_revoked: CredentialRevoked
    account_deleted: AccountDeleted
    session_degraded: SessionDegraded
    breaker_opened: BreakerOpened
    breaker_closed: BreakerClosed
    message_sent: MessageSent
    message_received: MessageReceived
    session_limited: SessionLimited
    proxy_up: ProxyUp
    proxy_down: ProxyDown
    campaign_progressed: CampaignProgressed
    action_ended: ActionEnded
    target_changed: TargetChanged
    kill_switch_set: KillSwitchSet
    def __init__(self, event_id: _Optional[str] = ..., version: _Optional[int] = ..., tenant_id: _Optional[str] = ..., entity_id: _Optional[str] = ..., sequence: _Optional[int] = ..., occur_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lease_acquired: _Optional[_Union[LeaseAcquired, _Mapping]] = ..., lease_released: _Optional[_Union[LeaseReleased, _Mapping]] = ..., lease_expired: _Optional[_Union[LeaseExpired, _Mapping]] = ..., lease_revoked: _Optional[_Union[LeaseRevoked, _Mapping]] = ..., flood_wait_started: _Optional[_Union[FloodWaitStarted, _Mapping]] = ..., flood_wait_ended: _Optional[_Union[FloodWaitEnded, _Mapping]] = ..., session_added: _Optional[_Union[SessionAdded, _Mapping]] = ..., session_removed: _Optional[_Union[SessionRemoved, _Mapping]] = ..., session_invalidated: _Optional[_Union[SessionInvalidated, _Mapping]] = ..., session_restored: _Optional[_Union[SessionRestored, _Mapping]] = ..., session_quarantined: _Optional[_Union[SessionQuarantined, _Mapping]] = ..., session_updated: _Optional[_Union[SessionUpdated, _Mapping]] = ..., account_authorised: _Optional[_Union[AccountAuthorised, _Mapping]] = ..., account_logged_out: _Optional[_Union[AccountLoggedOut, _Mapping]] = ..., account_needs_login: _Optional[_Union[AccountNeedsLogin, _Mapping]] = ..., account_limited: _Optional[_Union[AccountLimited, _Mapping]] = ..., account_frozen: _Optional[_Union[AccountFrozen, _Mapping]] = ..., account_banned: _Optional[_Union[AccountBanned, _Mapping]] = ..., credential_revoked: _Optional[_Union[CredentialRevoked, _Mapping]] = ..., account_deleted: _Optional[_Union[AccountDeleted, _Mapping]] = ..., session_degraded: _Optional[_Union[SessionDegraded, _Mapping]] = ..., breaker_opened: _Optional[_Union[BreakerOpened, _Mapping]] = ..., breaker_closed: _Optional[_Union[BreakerClosed, _Mapping]] = ..., message_sent: _Optional[_Union[MessageSent, _Mapping]] = ..., message_received: _Optional[_Union[MessageReceived, _Mapping]] = ..., session_limited: _Optional[_Union[SessionLimited, _Mapping]] = ..., proxy_up: _Optional[_Union[ProxyUp, _Mapping]] = ..., proxy_down: _Optional[_Union[ProxyDown, _Mapping]] = ..., campaign_progressed: _Optional[_Union[CampaignProgressed, _Mapping]] = ..., action_ended: _Optional[_Union[ActionEnded, _Mapping]] = ..., target_changed: _Optional[_Union[TargetChanged, _Mapping]] = ..., kill_switch_set: _Optional[_Union[KillSwitchSet, _Mapping]] = ...) -> None: ...

class LeaseAcquired(_message.Message):
    __slots__ = ("lease_id", "session_id", "fencing_token", "holder", "subject", "ttl", "credentials")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FENCING_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    session_id: int
    fencing_token: int
    holder: str
    subject: str
    ttl: _duration_pb2.Duration
    credentials: bool
    def __init__(self, lease_id: _Optional[str] = ..., session_id: _Optional[int] = ..., fencing_token: _Optional[int] = ..., holder: _Optional[str] = ..., subject: _Optional[str] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., credentials: _Optional[bool] = ...) -> None: ...

class LeaseReleased(_message.Message):
    __slots__ = ("lease_id", "session_id", "fencing_token", "holder")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FENCING_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    session_id: int
    fencing_token: int
    holder: str
    def __init__(self, lease_id: _Optional[str] = ..., session_id: _Optional[int] = ..., fencing_token: _Optional[int] = ..., holder: _Optional[str] = ...) -> None: ...

class LeaseExpired(_message.Message):
    __slots__ = ("lease_id", "session_id", "fencing_token", "holder", "expire_time")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FENCING_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    session_id: int
    fencing_token: int
    holder: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, lease_id: _Optional[str] = ..., session_id: _Optional[int] = ..., fencing_token: _Optional[int] = ..., holder: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LeaseRevoked(_message.Message):
    __slots__ = ("lease_id", "session_id", "fencing_token", "holder", "reason", "subject")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FENCING_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    session_id: int
    fencing_token: int
    holder: str
    reason: str
    subject: str
    def __init__(self, lease_id: _Optional[str] = ..., session_id: _Optional[int] = ..., fencing_token: _Optional[int] = ..., holder: _Optional[str] = ..., reason: _Optional[str] = ..., subject: _Optional[str] = ...) -> None: ...

class FloodWaitStarted(_message.Message):
    __slots__ = ("session_id", "method", "peer", "end_time")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    method: str
    peer: str
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, session_id: _Optional[int] = ..., method: _Optional[str] = ..., peer: _Optional[str] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FloodWaitEnded(_message.Message):
    __slots__ = ("session_id", "method", "peer")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    method: str
    peer: str
    def __init__(self, session_id: _Optional[int] = ..., method: _Optional[str] = ..., peer: _Optional[str] = ...) -> None: ...

class SessionAdded(_message.Message):
    __slots__ = ("session_id", "name", "environment", "account_id", "source", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    name: str
    environment: str
    account_id: str
    source: str
    labels: _containers.ScalarMap[str, str]
    def __init__(self, session_id: _Optional[int] = ..., name: _Optional[str] = ..., environment: _Optional[str] = ..., account_id: _Optional[str] = ..., source: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SessionUpdated(_message.Message):
    __slots__ = ("session_id", "account_id", "labels", "paused", "revision")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    account_id: str
    labels: _containers.ScalarMap[str, str]
    paused: bool
    revision: int
    def __init__(self, session_id: _Optional[int] = ..., account_id: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., paused: _Optional[bool] = ..., revision: _Optional[int] = ...) -> None: ...

class SessionRemoved(_message.Message):
    __slots__ = ("session_id", "name")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    name: str
    def __init__(self, session_id: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class SessionInvalidated(_message.Message):
    __slots__ = ("session_id", "condition", "reason")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    condition: str
    reason: str
    def __init__(self, session_id: _Optional[int] = ..., condition: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SessionRestored(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    def __init__(self, session_id: _Optional[int] = ...) -> None: ...

class SessionQuarantined(_message.Message):
    __slots__ = ("session_id", "end_time", "cause")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    end_time: _timestamp_pb2.Timestamp
    cause: str
    def __init__(self, session_id: _Optional[int] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cause: _Optional[str] = ...) -> None: ...

class AccountAuthorised(_message.Message):
    __slots__ = ("account_id", "session_id")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    session_id: int
    def __init__(self, account_id: _Optional[str] = ..., session_id: _Optional[int] = ...) -> None: ...

class AccountLoggedOut(_message.Message):
    __slots__ = ("account_id",)
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    def __init__(self, account_id: _Optional[str] = ...) -> None: ...

class AccountNeedsLogin(_message.Message):
    __slots__ = ("account_id", "telegram_error")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    TELEGRAM_ERROR_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    telegram_error: str
    def __init__(self, account_id: _Optional[str] = ..., telegram_error: _Optional[str] = ...) -> None: ...

class AccountLimited(_message.Message):
    __slots__ = ("account_id", "telegram_error")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    TELEGRAM_ERROR_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    telegram_error: str
    def __init__(self, account_id: _Optional[str] = ..., telegram_error: _Optional[str] = ...) -> None: ...

class AccountFrozen(_message.Message):
    __slots__ = ("account_id",)
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    def __init__(self, account_id: _Optional[str] = ...) -> None: ...

class AccountBanned(_message.Message):
    __slots__ = ("account_id",)
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    def __init__(self, account_id: _Optional[str] = ...) -> None: ...

class AccountDeleted(_message.Message):
    __slots__ = ("account_id",)
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    def __init__(self, account_id: _Optional[str] = ...) -> None: ...

class CredentialRevoked(_message.Message):
    __slots__ = ("key_id", "login_id")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    LOGIN_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    login_id: str
    def __init__(self, key_id: _Optional[str] = ..., login_id: _Optional[str] = ...) -> None: ...

class SessionDegraded(_message.Message):
    __slots__ = ("session_id", "reason")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    reason: str
    def __init__(self, session_id: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class SessionLimited(_message.Message):
    __slots__ = ("session_id", "telegram_error")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TELEGRAM_ERROR_FIELD_NUMBER: _ClassVar[int]
    session_id: int
    telegram_error: str
    def __init__(self, session_id: _Optional[int] = ..., telegram_error: _Optional[str] = ...) -> None: ...

class BreakerOpened(_message.Message):
    __slots__ = ("breaker", "probe_time")
    BREAKER_FIELD_NUMBER: _ClassVar[int]
    PROBE_TIME_FIELD_NUMBER: _ClassVar[int]
    breaker: str
    probe_time: _timestamp_pb2.Timestamp
    def __init__(self, breaker: _Optional[str] = ..., probe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class BreakerClosed(_message.Message):
    __slots__ = ("breaker",)
    BREAKER_FIELD_NUMBER: _ClassVar[int]
    breaker: str
    def __init__(self, breaker: _Optional[str] = ...) -> None: ...

class MessageSent(_message.Message):
    __slots__ = ("account_id", "peer", "message_id")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    peer: str
    message_id: int
    def __init__(self, account_id: _Optional[str] = ..., peer: _Optional[str] = ..., message_id: _Optional[int] = ...) -> None: ...

class MessageReceived(_message.Message):
    __slots__ = ("account_id", "peer", "message_id")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    peer: str
    message_id: int
    def __init__(self, account_id: _Optional[str] = ..., peer: _Optional[str] = ..., message_id: _Optional[int] = ...) -> None: ...

class ProxyUp(_message.Message):
    __slots__ = ("proxy_id",)
    PROXY_ID_FIELD_NUMBER: _ClassVar[int]
    proxy_id: str
    def __init__(self, proxy_id: _Optional[str] = ...) -> None: ...

class ProxyDown(_message.Message):
    __slots__ = ("proxy_id", "reason")
    PROXY_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    proxy_id: str
    reason: str
    def __init__(self, proxy_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CampaignProgressed(_message.Message):
    __slots__ = ("campaign_id", "state", "done", "failed", "skipped", "total", "reason")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    state: str
    done: int
    failed: int
    skipped: int
    total: int
    reason: str
    def __init__(self, campaign_id: _Optional[str] = ..., state: _Optional[str] = ..., done: _Optional[int] = ..., failed: _Optional[int] = ..., skipped: _Optional[int] = ..., total: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class TargetChanged(_message.Message):
    __slots__ = ("target_id", "state", "reason")
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    target_id: str
    state: str
    reason: str
    def __init__(self, target_id: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class KillSwitchSet(_message.Message):
    __slots__ = ("scope", "on", "reason")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    scope: str
    on: bool
    reason: str
    def __init__(self, scope: _Optional[str] = ..., on: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class ActionEnded(_message.Message):
    __slots__ = ("campaign_id", "action_id", "outcome", "reason", "account_id", "post_id", "kind")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    POST_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    action_id: str
    outcome: str
    reason: str
    account_id: str
    post_id: int
    kind: str
    def __init__(self, campaign_id: _Optional[str] = ..., action_id: _Optional[str] = ..., outcome: _Optional[str] = ..., reason: _Optional[str] = ..., account_id: _Optional[str] = ..., post_id: _Optional[int] = ..., kind: _Optional[str] = ...) -> None: ...
