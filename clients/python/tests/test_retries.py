"""What is repeated, how, and what is not."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, List

import pytest
import telegate

TAKEN = (200, {"X-Lease-Id": "L", "X-Lease-Ttl": "1800"}, {"session_id": 42, "session_name": "session42"})
RELEASED = (200, {}, {"status": "released", "session_id": 42})
AWAY = (503, {"Retry-After": "3"}, {"detail": "away"})


def none_free(seconds: Any) -> Any:
    detail = {"error": "no_free_session", "in_floodwait": 3, "next_release_in": seconds}
    return (503, {}, {"detail": detail})


def pool_of(fake: Any, **options: Any) -> telegate.Pool:
    return telegate.Pool(fake.url, "key", **options)


def test_a_lost_answer_is_asked_for_with_the_same_key(fake: Any, sleeps: List[float]) -> None:
    fake.replies = [None, None, TAKEN]
    session = pool_of(fake).acquire()
    keys = [headers["idempotency-key"] for _, _, headers in fake.requests]
    assert len(keys) == 3 and len(set(keys)) == 1
    assert (session.session_id, session.lease_id) == (42, "L")
    fake.replies = [TAKEN]
    pool_of(fake).acquire()
    assert fake.requests[-1][2]["idempotency-key"] not in keys


def test_the_key_is_not_used_longer_than_a_session_is_kept(
    fake: Any, sleeps: List[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr("telegate.pool.time.monotonic", lambda: now[0])
    monkeypatch.setattr("telegate.pool.time.sleep", lambda _: now.__setitem__(0, now[0] + 15))
    fake.replies = [None, None, TAKEN]
    session = pool_of(fake).acquire()
    keys = [headers["idempotency-key"] for _, _, headers in fake.requests]
    assert keys[0] == keys[1] != keys[2]
    assert session.remaining == 1_800


def test_gives_up_after_so_many_attempts(fake: Any, sleeps: List[float]) -> None:
    fake.otherwise = lambda: None
    with pytest.raises(telegate.Unreachable):
        pool_of(fake, attempts=3).acquire(wait=True)
    assert len(fake.requests) == 3


def test_waits_as_the_503_says_capped_and_with_jitter(fake: Any, sleeps: List[float]) -> None:
    fake.replies = [none_free(2), none_free(3_600), none_free(None), TAKEN]
    pool_of(fake).acquire(wait=True)
    assert 2 <= sleeps[0] <= 2.2
    assert 60 <= sleeps[1] <= 66
    assert 15 <= sleeps[2] <= 16.5
    assert len({headers["idempotency-key"] for _, _, headers in fake.requests}) == 4


def test_waits_no_longer_than_it_may(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("telegate.pool.time.monotonic", lambda: now[0])
    monkeypatch.setattr("telegate.pool.time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    fake.otherwise = lambda: none_free(7)
    with pytest.raises(telegate.NoFreeSession) as refused:
        pool_of(fake).acquire(wait=True, timeout=20)
    assert now[0] == 20
    assert (refused.value.in_floodwait, refused.value.next_release_in) == (3, 7)


def test_a_release_is_repeated_and_names_its_lease(fake: Any, sleeps: List[float]) -> None:
    fake.replies = [TAKEN, None, AWAY, RELEASED]
    with pool_of(fake).session():
        pass
    releases = fake.requests[1:]
    assert [path for _, path, _ in releases] == ["/release?session_id=42"] * 3
    assert {headers["x-lease-id"] for _, _, headers in releases} == {"L"}
    assert sleeps[-1] >= 3


def test_an_error_of_the_block_wins_over_a_release_that_fails(fake: Any, sleeps: List[float], caplog: Any) -> None:
    fake.replies = [TAKEN]
    fake.otherwise = lambda: None
    with pytest.raises(KeyError, match="mine"):
        with pool_of(fake).session():
            raise KeyError("mine")
    assert "stays taken" in caplog.text


def test_what_is_no_matter_of_time_is_not_repeated(fake: Any, sleeps: List[float]) -> None:
    fake.replies = [(403, {"trace-id": "T"}, {"detail": "no"})]
    with pytest.raises(telegate.KeyRefused) as refused:
        pool_of(fake).status()
    assert refused.value.trace_id == "T"
    fake.replies = [(422, {}, {"detail": [{"loc": ["query", "session_id"]}]})]
    with pytest.raises(telegate.RequestRefused):
        pool_of(fake).invalidate(1)
    assert len(fake.requests) == 2 and sleeps == []


def test_status_reads_utc(fake: Any) -> None:
    body = {"total": 10, "free": 7, "in_use": 2, "in_floodwait": 1, "next_available": "2025-03-01 18:30:00"}
    fake.replies = [(200, {}, body)]
    status = pool_of(fake).status()
    assert status.next_available == datetime(2025, 3, 1, 18, 30, tzinfo=timezone.utc)


def test_sync_counts(fake: Any) -> None:
    details = {"new_sessions": 2, "removed_sessions": 1, "total_sessions": 10}
    fake.replies = [(200, {}, {"status": "sync complete", "details": details})]
    assert pool_of(fake).sync() == telegate.SyncResult(2, 1, 10)


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://host", "http://user@host", "http://host?x"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ValueError):
        telegate.Pool(url, "key")


def test_a_key_that_no_header_can_carry() -> None:
    for key in ("", "with blank", "zwei\n", "é"):
        with pytest.raises(ValueError):
            telegate.Pool("http://host", key)
