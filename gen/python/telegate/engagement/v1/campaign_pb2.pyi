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

class PauseCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAUSE_CAUSE_UNSPECIFIED: _ClassVar[PauseCause]
    PAUSE_CAUSE_CALLER: _ClassVar[PauseCause]
    PAUSE_CAUSE_TARGET_LAPSED: _ClassVar[PauseCause]
    PAUSE_CAUSE_KILL_SWITCH: _ClassVar[PauseCause]
    PAUSE_CAUSE_START_FAILED: _ClassVar[PauseCause]

class MediaCondition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEDIA_CONDITION_UNSPECIFIED: _ClassVar[MediaCondition]
    MEDIA_CONDITION_SOME: _ClassVar[MediaCondition]
    MEDIA_CONDITION_NONE: _ClassVar[MediaCondition]

class ViewObject(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIEW_OBJECT_UNSPECIFIED: _ClassVar[ViewObject]
    VIEW_OBJECT_POSTS: _ClassVar[ViewObject]
    VIEW_OBJECT_COMMENTS: _ClassVar[ViewObject]

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
PAUSE_CAUSE_UNSPECIFIED: PauseCause
PAUSE_CAUSE_CALLER: PauseCause
PAUSE_CAUSE_TARGET_LAPSED: PauseCause
PAUSE_CAUSE_KILL_SWITCH: PauseCause
PAUSE_CAUSE_START_FAILED: PauseCause
MEDIA_CONDITION_UNSPECIFIED: MediaCondition
MEDIA_CONDITION_SOME: MediaCondition
MEDIA_CONDITION_NONE: MediaCondition
VIEW_OBJECT_UNSPECIFIED: ViewObject
VIEW_OBJECT_POSTS: ViewObject
VIEW_OBJECT_COMMENTS: ViewObject
ACTION_STATE_UNSPECIFIED: ActionState
ACTION_STATE_PLANNED: ActionState
ACTION_STATE_RUNNING: ActionState
ACTION_STATE_DONE: ActionState
ACTION_STATE_FAILED: ActionState
ACTION_STATE_SKIPPED: ActionState

class Target(_message.Message):
    __slots__ = ("target_id", "channel", "title", "username", "state", "admin_account_id", "verify_time", "create_time", "state_reason", "linked_group", "allowed_reactions", "all_reactions")
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ADMIN_ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    VERIFY_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    LINKED_GROUP_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_REACTIONS_FIELD_NUMBER: _ClassVar[int]
    ALL_REACTIONS_FIELD_NUMBER: _ClassVar[int]
    target_id: str
    channel: str
    title: str
    username: str
    state: TargetState
    admin_account_id: str
    verify_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    state_reason: str
    linked_group: str
    allowed_reactions: _containers.RepeatedScalarFieldContainer[str]
    all_reactions: bool
    def __init__(self, target_id: _Optional[str] = ..., channel: _Optional[str] = ..., title: _Optional[str] = ..., username: _Optional[str] = ..., state: _Optional[_Union[TargetState, str]] = ..., admin_account_id: _Optional[str] = ..., verify_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state_reason: _Optional[str] = ..., linked_group: _Optional[str] = ..., allowed_reactions: _Optional[_Iterable[str]] = ..., all_reactions: _Optional[bool] = ...) -> None: ...

class PostSelection(_message.Message):
    __slots__ = ("post_ids", "latest", "upcoming")
    POST_IDS_FIELD_NUMBER: _ClassVar[int]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    UPCOMING_FIELD_NUMBER: _ClassVar[int]
    post_ids: _containers.RepeatedScalarFieldContainer[int]
    latest: int
    upcoming: bool
    def __init__(self, post_ids: _Optional[_Iterable[int]] = ..., latest: _Optional[int] = ..., upcoming: _Optional[bool] = ...) -> None: ...

class PostConditions(_message.Message):
    __slots__ = ("text_contains", "text_excludes", "media", "min_age", "max_age", "author")
    TEXT_CONTAINS_FIELD_NUMBER: _ClassVar[int]
    TEXT_EXCLUDES_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    MIN_AGE_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    text_contains: _containers.RepeatedScalarFieldContainer[str]
    text_excludes: _containers.RepeatedScalarFieldContainer[str]
    media: MediaCondition
    min_age: _duration_pb2.Duration
    max_age: _duration_pb2.Duration
    author: str
    def __init__(self, text_contains: _Optional[_Iterable[str]] = ..., text_excludes: _Optional[_Iterable[str]] = ..., media: _Optional[_Union[MediaCondition, str]] = ..., min_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., author: _Optional[str] = ...) -> None: ...

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

class ViewPlan(_message.Message):
    __slots__ = ("object", "parallelism")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    PARALLELISM_FIELD_NUMBER: _ClassVar[int]
    object: ViewObject
    parallelism: int
    def __init__(self, object: _Optional[_Union[ViewObject, str]] = ..., parallelism: _Optional[int] = ...) -> None: ...

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
    __slots__ = ("campaign_id", "target_id", "kind", "posts", "accounts", "pace", "comments", "reactions", "state", "state_reason", "counts", "next_action_time", "estimated_end_time", "create_time", "conditions", "view", "pause_cause", "disclosure", "dropped_accounts", "owner", "finish_time")
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
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    PAUSE_CAUSE_FIELD_NUMBER: _ClassVar[int]
    DISCLOSURE_FIELD_NUMBER: _ClassVar[int]
    DROPPED_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    FINISH_TIME_FIELD_NUMBER: _ClassVar[int]
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
    conditions: PostConditions
    view: ViewPlan
    pause_cause: PauseCause
    disclosure: str
    dropped_accounts: _containers.RepeatedCompositeFieldContainer[DroppedAccount]
    owner: str
    finish_time: _timestamp_pb2.Timestamp
    def __init__(self, campaign_id: _Optional[str] = ..., target_id: _Optional[str] = ..., kind: _Optional[_Union[CampaignKind, str]] = ..., posts: _Optional[_Union[PostSelection, _Mapping]] = ..., accounts: _Optional[_Union[AccountSelection, _Mapping]] = ..., pace: _Optional[_Union[Pace, _Mapping]] = ..., comments: _Optional[_Union[CommentPlan, _Mapping]] = ..., reactions: _Optional[_Iterable[_Union[WeightedReaction, _Mapping]]] = ..., state: _Optional[_Union[CampaignState, str]] = ..., state_reason: _Optional[str] = ..., counts: _Optional[_Union[CampaignCounts, _Mapping]] = ..., next_action_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., estimated_end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., conditions: _Optional[_Union[PostConditions, _Mapping]] = ..., view: _Optional[_Union[ViewPlan, _Mapping]] = ..., pause_cause: _Optional[_Union[PauseCause, str]] = ..., disclosure: _Optional[str] = ..., dropped_accounts: _Optional[_Iterable[_Union[DroppedAccount, _Mapping]]] = ..., owner: _Optional[str] = ..., finish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DroppedAccount(_message.Message):
    __slots__ = ("account_id", "reason", "drop_time")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DROP_TIME_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    reason: str
    drop_time: _timestamp_pb2.Timestamp
    def __init__(self, account_id: _Optional[str] = ..., reason: _Optional[str] = ..., drop_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class KillSwitch(_message.Message):
    __slots__ = ("on", "reason", "subject", "set_time")
    ON_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SET_TIME_FIELD_NUMBER: _ClassVar[int]
    on: bool
    reason: str
    subject: str
    set_time: _timestamp_pb2.Timestamp
    def __init__(self, on: _Optional[bool] = ..., reason: _Optional[str] = ..., subject: _Optional[str] = ..., set_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RaisedLimit(_message.Message):
    __slots__ = ("name", "default_value", "value", "raise_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VALUE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    RAISE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    default_value: str
    value: str
    raise_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., default_value: _Optional[str] = ..., value: _Optional[str] = ..., raise_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("account_actions_a_day", "account_gap", "target_actions_an_hour", "post_actions_of_a_kind", "disclosure", "environment", "raised")
    ACCOUNT_ACTIONS_A_DAY_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_GAP_FIELD_NUMBER: _ClassVar[int]
    TARGET_ACTIONS_AN_HOUR_FIELD_NUMBER: _ClassVar[int]
    POST_ACTIONS_OF_A_KIND_FIELD_NUMBER: _ClassVar[int]
    DISCLOSURE_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    RAISED_FIELD_NUMBER: _ClassVar[int]
    account_actions_a_day: int
    account_gap: _duration_pb2.Duration
    target_actions_an_hour: int
    post_actions_of_a_kind: int
    disclosure: str
    environment: str
    raised: _containers.RepeatedCompositeFieldContainer[RaisedLimit]
    def __init__(self, account_actions_a_day: _Optional[int] = ..., account_gap: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., target_actions_an_hour: _Optional[int] = ..., post_actions_of_a_kind: _Optional[int] = ..., disclosure: _Optional[str] = ..., environment: _Optional[str] = ..., raised: _Optional[_Iterable[_Union[RaisedLimit, _Mapping]]] = ...) -> None: ...

class Action(_message.Message):
    __slots__ = ("action_id", "campaign_id", "account_id", "post_id", "kind", "state", "reason", "attempts", "content", "due_time", "end_time", "trace_id", "start_time", "target_id", "message_id")
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
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
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
    start_time: _timestamp_pb2.Timestamp
    target_id: str
    message_id: int
    def __init__(self, action_id: _Optional[str] = ..., campaign_id: _Optional[str] = ..., account_id: _Optional[str] = ..., post_id: _Optional[int] = ..., kind: _Optional[_Union[CampaignKind, str]] = ..., state: _Optional[_Union[ActionState, str]] = ..., reason: _Optional[str] = ..., attempts: _Optional[int] = ..., content: _Optional[str] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., trace_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., target_id: _Optional[str] = ..., message_id: _Optional[int] = ...) -> None: ...
