"""Against a running mesh whose pool has two sessions."""

from __future__ import annotations

import os
import threading
from typing import List

import pytest
import telegate


def test_takes_and_gives_back(pool: telegate.Pool) -> None:
    before = pool.status()
    assert (before.total, before.free, before.next_available) == (2, 2, None)
    with pool.session() as session:
        assert session.session_id > 0 and session.session_name and session.lease_id
        assert 1_700 < session.remaining <= 1_800
        session.check()
        assert pool.status().in_use == 1
    assert pool.status().free == 2
    with pytest.raises(telegate.LeaseOver):
        session.check()


def test_gives_back_when_the_block_raises(pool: telegate.Pool) -> None:
    with pytest.raises(KeyError, match="mine"):
        with pool.session():
            raise KeyError("mine")
    assert pool.status().free == 2


def test_none_free(pool: telegate.Pool) -> None:
    with pool.session() as one, pool.session() as two:
        assert one.session_id != two.session_id
        with pytest.raises(telegate.NoFreeSession) as refused:
            with pool.session():
                pass
        assert refused.value.in_floodwait == 0
        assert 1_700 < (refused.value.next_release_in or 0) <= 1_800
        assert refused.value.trace_id
        with pytest.raises(telegate.NoFreeSession):
            pool.acquire(wait=True, timeout=0.2)


def test_waits_until_one_is_released(pool: telegate.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telegate.pool._LONGEST_SLEEP", 0.1)
    held = [pool.acquire(), pool.acquire()]
    got: List[telegate.Session] = []

    def waiter() -> None:
        with pool.session(wait=True, timeout=20) as session:
            got.append(session)

    thread = threading.Thread(target=waiter)
    thread.start()
    held[0].release()
    thread.join(20)
    assert [session.session_id for session in got] == [held[0].session_id]
    held[1].release()
    assert pool.status().free == 2


def test_a_late_release_frees_nobody_else(pool: telegate.Pool) -> None:
    first = pool.acquire()
    other = pool.acquire()
    first.release()
    second = pool.acquire()
    assert second.session_id == first.session_id
    first._released = False
    first.release()
    assert pool.status().in_use == 2
    second.release()
    other.release()


def test_keys() -> None:
    url = os.environ.get("TELEGATE_URL")
    if not url:
        pytest.skip("TELEGATE_URL is not set: these need a running mesh")
    with pytest.raises(telegate.KeyRefused):
        telegate.Pool(url, "wrong").status()


def test_sync_says_what_is_wrong(pool: telegate.Pool) -> None:
    with pytest.raises(telegate.ServerFault, match="SESSIONS_DIR"):
        pool.sync()


def test_invalidate_comes_last(pool: telegate.Pool) -> None:
    with pool.session() as session:
        session.invalidate()
    status = pool.status()
    assert (status.total, status.free, status.in_use) == (2, 1, 0)
    pool.invalidate(session.session_id)
