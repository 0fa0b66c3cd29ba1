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

class TargetState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TARGET_STATE_UNSPECIFIED: _ClassVar[TargetState]
    TARGET_STATE_VERIFIED: _ClassVar[TargetState]
    TARGET_STATE_LAPSED: _ClassVar[TargetState]

class CampaignKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAMPAIGN_KIND_UNSPECIFIED: _ClassVar[CampaignKind]
    CAMPAIGN_KIND_COMMENT: _ClassVar[CampaignKind]
    CAMPAIGN_KIND_REACTION: _ClassVar[CampaignKind]
    CAMPAIGN_KIND_VIEW: _ClassVar[CampaignKind]

class CampaignState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAMPAIGN_STATE_UNSPECIFIED: _ClassVar[CampaignState]
    CAMPAIGN_STATE_SCHEDULED: _ClassVar[CampaignState]
    CAMPAIGN_STATE_RUNNING: _ClassVar[CampaignState]
    CAMPAIGN_STATE_PAUSED: _ClassVar[CampaignState]
    CAMPAIGN_STATE_DONE: _ClassVar[CampaignState]
    CAMPAIGN_STATE_CANCELLED: _ClassVar[CampaignState]

class ActionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTION_STATE_UNSPECIFIED: _ClassVar[ActionState]
    ACTION_STATE_PLANNED: _ClassVar[ActionState]
    ACTION_STATE_RUNNING: _ClassVar[ActionState]
    ACTION_STATE_DONE: _ClassVar[ActionState]
    ACTION_STATE_FAILED: _ClassVar[ActionState]
    ACTION_STATE_SKIPPED: _ClassVar[ActionState]
TARGET_STATE_UNSPECIFIED: TargetState
TARGET_STATE_VERIFIED: TargetState
TARGET_STATE_LAPSED: TargetState
CAMPAIGN_KIND_UNSPECIFIED: CampaignKind
CAMPAIGN_KIND_COMMENT: CampaignKind
CAMPAIGN_KIND_REACTION: CampaignKind
CAMPAIGN_KIND_VIEW: CampaignKind
CAMPAIGN_STATE_UNSPECIFIED: CampaignState
CAMPAIGN_STATE_SCHEDULED: CampaignState
CAMPAIGN_STATE_RUNNING: CampaignState
CAMPAIGN_STATE_PAUSED: CampaignState
CAMPAIGN_STATE_DONE: CampaignState
CAMPAIGN_STATE_CANCELLED: CampaignState
ACTION_STATE_UNSPECIFIED: ActionState
ACTION_STATE_PLANNED: ActionState
ACTION_STATE_RUNNING: ActionState
ACTION_STATE_DONE: ActionState
ACTION_STATE_FAILED: ActionState
ACTION_STATE_SKIPPED: ActionState

class Target(_message.Message):
    __slots__ = ("target_id", "channel", "title", "username", "state", "admin_account_id", "verify_time", "create_time")
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ADMIN_ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    VERIFY_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    target_id: str
    channel: str
    title: str
    username: str
    state: TargetState
    admin_account_id: str
    verify_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, target_id: _Optional[str] = ..., channel: _Optional[str] = ..., title: _Optional[str] = ..., username: _Optional[str] = ..., state: _Optional[_Union[TargetState, str]] = ..., admin_account_id: _Optional[str] = ..., verify_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PostSelection(_message.Message):
    __slots__ = ("post_ids", "latest", "upcoming")
    POST_IDS_FIELD_NUMBER: _ClassVar[int]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    UPCOMING_FIELD_NUMBER: _ClassVar[int]
    post_ids: _containers.RepeatedScalarFieldContainer[int]
    latest: int
    upcoming: bool
    def __init__(self, post_ids: _Optional[_Iterable[int]] = ..., latest: _Optional[int] = ..., upcoming: _Optional[bool] = ...) -> None: ...

class AccountSelection(_message.Message):
    __slots__ = ("account_ids", "labels", "max_count")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ACCOUNT_IDS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MAX_COUNT_FIELD_NUMBER: _ClassVar[int]
    account_ids: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.ScalarMap[str, str]
    max_count: int
    def __init__(self, account_ids: _Optional[_Iterable[str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., max_count: _Optional[int] = ...) -> None: ...

class Pace(_message.Message):
    __slots__ = ("start_time", "end_time", "interval", "variation")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    VARIATION_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    interval: _duration_pb2.Duration
    variation: float
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., variation: _Optional[float] = ...) -> None: ...

class CommentPlan(_message.Message):
    __slots__ = ("tone", "language", "prompt", "templates")
    TONE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    tone: str
    language: str
    prompt: str
    templates: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tone: _Optional[str] = ..., language: _Optional[str] = ..., prompt: _Optional[str] = ..., templates: _Optional[_Iterable[str]] = ...) -> None: ...

class WeightedReaction(_message.Message):
    __slots__ = ("emoji", "weight")
    EMOJI_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    emoji: str
    weight: int
    def __init__(self, emoji: _Optional[str] = ..., weight: _Optional[int] = ...) -> None: ...

class CampaignCounts(_message.Message):
    __slots__ = ("planned", "running", "done", "failed", "skipped")
    PLANNED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    planned: int
    running: int
    done: int
    failed: int
    skipped: int
    def __init__(self, planned: _Optional[int] = ..., running: _Optional[int] = ..., done: _Optional[int] = ..., failed: _Optional[int] = ..., skipped: _Optional[int] = ...) -> None: ...

class Campaign(_message.Message):
    __slots__ = ("campaign_id", "target_id", "kind", "posts", "accounts", "pace", "comments", "reactions", "state", "state_reason", "counts", "next_action_time", "estimated_end_time", "create_time")
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    POSTS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    PACE_FIELD_NUMBER: _ClassVar[int]
    COMMENTS_FIELD_NUMBER: _ClassVar[int]
    REACTIONS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_ACTION_TIME_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_END_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    campaign_id: str
    target_id: str
    kind: CampaignKind
    posts: PostSelection
    accounts: AccountSelection
    pace: Pace
    comments: CommentPlan
    reactions: _containers.RepeatedCompositeFieldContainer[WeightedReaction]
    state: CampaignState
    state_reason: str
    counts: CampaignCounts
    next_action_time: _timestamp_pb2.Timestamp
    estimated_end_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, campaign_id: _Optional[str] = ..., target_id: _Optional[str] = ..., kind: _Optional[_Union[CampaignKind, str]] = ..., posts: _Optional[_Union[PostSelection, _Mapping]] = ..., accounts: _Optional[_Union[AccountSelection, _Mapping]] = ..., pace: _Optional[_Union[Pace, _Mapping]] = ..., comments: _Optional[_Union[CommentPlan, _Mapping]] = ..., reactions: _Optional[_Iterable[_Union[WeightedReaction, _Mapping]]] = ..., state: _Optional[_Union[CampaignState, str]] = ..., state_reason: _Optional[str] = ..., counts: _Optional[_Union[CampaignCounts, _Mapping]] = ..., next_action_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., estimated_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Action(_message.Message):
    __slots__ = ("action_id", "campaign_id", "account_id", "post_id", "kind", "state", "reason", "attempts", "content", "due_time", "end_time", "trace_id")
    ACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    POST_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    action_id: str
    campaign_id: str
    account_id: str
    post_id: int
    kind: CampaignKind
    state: ActionState
    reason: str
    attempts: int
    content: str
    due_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    trace_id: str
    def __init__(self, action_id: _Optional[str] = ..., campaign_id: _Optional[str] = ..., account_id: _Optional[str] = ..., post_id: _Optional[int] = ..., kind: _Optional[_Union[CampaignKind, str]] = ..., state: _Optional[_Union[ActionState, str]] = ..., reason: _Optional[str] = ..., attempts: _Optional[int] = ..., content: _Optional[str] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., trace_id: _Optional[str] = ...) -> None: ...
