from __future__ import annotations

import os
import threading
import unittest
from datetime import datetime, timezone
from typing import Callable, List, Optional
from unittest import mock

import telegate
from telegate._timing import Timing

from .played_gateway import KEY, PlayedGateway, answer, cut_done, drop_done, drop_unheard, slow_until


class FakeTiming:
    """Sleeping moves the clock, and does at once what was to happen meanwhile."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: List[float] = []
        self.meanwhile: Optional[Callable[[], None]] = None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if len(self.slept) > 100:
            raise AssertionError("it waits for ever")
        if self.meanwhile:
            self.meanwhile()

    def timing(self) -> Timing:
        return Timing(monotonic=lambda: self.now, sleep=self.sleep, jitter=lambda: 1.0)


class PoolTest(unittest.TestCase):
    def setUp(self) -> None:
        self.gateway = PlayedGateway()
        self.addCleanup(self.gateway.close)
        self.time = FakeTiming()
        self.pool = self.open()

    def open(self, key: str = KEY, call_timeout: float = 10, retry_for: float = 15) -> telegate.Pool:
        pool = telegate.Pool(
            self.gateway.url,
            key,
            call_timeout=call_timeout,
            retry_for=retry_for,
            _timing=self.time.timing(),
        )
        self.addCleanup(pool.close)
        return pool

    def keys(self) -> List[str]:
        return [seen.headers["idempotency-key"] for seen in self.gateway.calls("/session")]


class TakingASession(PoolTest):
    def test_it_is_held_in_the_block_and_free_after_it(self) -> None:
        with self.pool.session() as session:
            self.assertEqual((session.session_id, session.session_name), (1, "session1"))
            self.assertEqual((session.lease_id, session.ttl), ("lease-1", 1800))
            self.assertEqual(self.gateway.held, {"lease-1": 1})
            session.check()
        self.assertEqual(self.gateway.held, {})
        (release,) = self.gateway.calls("/release")
        self.assertEqual((release.query, release.headers["x-lease-id"]), ({"session_id": ["1"]}, "lease-1"))
        with self.assertRaises(telegate.LeaseOver):
            session.check()

    def test_each_session_has_a_key_of_its_own(self) -> None:
        for _ in range(3):
            with self.pool.session():
                pass
        self.assertEqual(len(set(self.keys())), 3)

    def test_it_is_freed_on_exceptions_which_come_through(self) -> None:
        for kind in (ValueError, KeyboardInterrupt, SystemExit):
            with self.subTest(kind), self.assertRaises(kind), self.pool.session():
                raise kind("the body's own")
            self.assertEqual(self.gateway.held, {})

    def test_a_release_that_fails_hides_nothing(self) -> None:
        self.gateway.play("/release", *[answer(500, {"detail": "broken"})] * 2)
        with self.assertLogs("telegate", "WARNING") as logged, self.assertRaisesRegex(ValueError, "the body's"):
            with self.pool.session():
                raise ValueError("the body's own")
        self.assertIn("broken", logged.output[0])
        self.gateway.free = [2]
        with self.assertLogs("telegate", "WARNING"), self.pool.session():
            pass

    def test_an_interrupted_release_is_made_once_more(self) -> None:
        self.gateway.play("/release", answer(503, {"detail": "away"}))

        def interrupt() -> None:
            raise KeyboardInterrupt

        self.time.meanwhile = interrupt
        with self.assertRaises(KeyboardInterrupt), self.pool.session():
            pass
        self.assertEqual(self.gateway.held, {})

    def test_its_time_ends(self) -> None:
        session = self.pool.acquire()
        self.time.now += 1799
        self.assertEqual(session.remaining, 1)
        session.check()
        self.time.now += 1
        with self.assertRaises(telegate.LeaseOver):
            session.check()

    def test_invalidated_it_is_not_released(self) -> None:
        with self.pool.session() as session:
            session.invalidate()
        self.assertEqual([seen.path for seen in self.gateway.seen], ["/session", "/invalidate"])


class Waiting(PoolTest):
    def setUp(self) -> None:
        super().setUp()
        self.gateway.free = []

    def free_after(self, sleeps: int) -> None:
        def meanwhile() -> None:
            if len(self.time.slept) == sleeps:
                self.gateway.free.append(1)

        self.time.meanwhile = meanwhile

    def test_without_wait_it_says_how_long_it_would_take(self) -> None:
        with self.assertRaises(telegate.NoFreeSession) as raised:
            with self.pool.session(wait=False):
                self.fail("there is none")
        self.assertEqual((raised.exception.in_floodwait, raised.exception.next_release_in), (3, 7))
        self.assertEqual(self.time.slept, [])
        self.assertEqual(len(self.gateway.seen), 1)

    def test_it_sleeps_as_the_pool_says(self) -> None:
        self.free_after(2)
        with self.pool.session(wait=True):
            self.assertEqual(self.time.slept, [7, 7])

    def test_but_no_longer_than_a_minute(self) -> None:
        self.gateway.next_release_in = 3600
        self.free_after(1)
        with self.pool.session(wait=True):
            self.assertEqual(self.time.slept, [60])

    def test_with_no_end_in_sight_it_looks_less_and_less_often(self) -> None:
        self.gateway.next_release_in = None
        self.free_after(7)
        with self.pool.session(wait=True):
            self.assertEqual(self.time.slept, [1, 2, 4, 8, 16, 30, 30])

    def test_the_wait_is_spread_and_never_too_short(self) -> None:
        drawn = [Timing().jitter() for _ in range(1000)]
        self.assertTrue(1 <= min(drawn) < 1.01 < 1.09 < max(drawn) <= 1.1)

    def test_the_timeout_is_for_all_of_it_with_a_last_look_at_its_end(self) -> None:
        with self.assertRaises(telegate.NoFreeSession) as raised:
            with self.pool.session(wait=True, timeout=10):
                self.fail("there is none")
        self.assertEqual(raised.exception.next_release_in, 7)
        self.assertEqual(self.time.slept, [7, 3])
        self.assertEqual(len(self.gateway.seen), 3)

    def test_a_pool_that_is_away_is_waited_for(self) -> None:
        self.gateway.free = [1]
        detail = {"error": "session_pool_unavailable", "in_floodwait": 0, "next_release_in": 1}
        self.gateway.play("/session", *[answer(503, {"detail": detail}, retry_after="9")] * 20)
        with self.pool.session(wait=True):
            self.assertEqual(self.time.slept, [9] * 20)
        self.gateway.play("/session", *[answer(503, {"detail": detail}, retry_after="9")] * 20)
        with self.assertLogs("telegate", "WARNING") as logged:
            with self.assertRaises(telegate.PoolUnavailable), self.pool.session(wait=False):
                self.fail("it is away")
        self.assertIn("may have been taken", logged.output[-1])


class LostAnswers(PoolTest):
    def test_a_repeat_gets_the_same_session(self) -> None:
        for fault in (drop_done, cut_done, answer(502, b"<html>"), answer(504, {"detail": "late"})):
            with self.subTest(fault):
                before = len(self.gateway.given)
                asked = len(self.keys())
                self.gateway.play("/session", fault)
                with self.pool.session():
                    self.assertEqual(len(self.gateway.held), 1)
                first, second = self.keys()[asked:]
                self.assertEqual(first, second)
                self.assertEqual(len(self.gateway.given), before + 1)
                self.assertEqual(self.gateway.held, {})

    def test_a_slow_answer_too(self) -> None:
        event = threading.Event()
        self.addCleanup(event.set)
        self.gateway.play("/session", slow_until(event))
        with self.open(call_timeout=0.2).session():
            self.assertEqual(self.gateway.held, {"lease-1": 1})

    def test_also_when_the_pool_says_meanwhile_that_none_is_free(self) -> None:
        detail = {"error": "no_free_session", "in_floodwait": 0, "next_release_in": 1}
        self.gateway.play("/session", drop_unheard, answer(503, {"detail": detail}))
        with self.pool.session():
            self.assertEqual(len(set(self.keys())), 1)

    def test_one_that_comes_too_late_is_given_back_for_another(self) -> None:
        self.gateway.ttl = 60

        def meanwhile() -> None:
            self.time.now += 50

        self.time.meanwhile = meanwhile
        self.gateway.play("/session", drop_done)
        pool = self.open(retry_for=100)
        with pool.session() as session:
            self.assertEqual((session.lease_id, session.remaining), ("lease-2", 60))
            self.assertEqual(self.gateway.held, {"lease-2": 1})
        first, again, other = self.keys()
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_who_gives_up_gives_back_what_came(self) -> None:
        self.gateway.play("/session", drop_done)
        pool = self.open(retry_for=0)
        with self.assertRaises(telegate.PoolUnavailable), pool.session():
            self.fail("no answer came")
        self.assertEqual((len(self.gateway.given), self.gateway.held), (1, {}))

    def test_who_is_interrupted_gives_back_what_came(self) -> None:
        def interrupt() -> None:
            raise KeyboardInterrupt

        self.time.meanwhile = interrupt
        self.gateway.play("/session", drop_done)
        with self.assertRaises(KeyboardInterrupt), self.pool.session():
            self.fail("no answer came")
        self.assertEqual((len(self.gateway.given), self.gateway.held), (1, {}))

    def test_an_interrupt_while_the_answer_is_on_its_way(self) -> None:
        taken = self.pool._take
        with mock.patch.object(self.pool, "_take", side_effect=lambda *a: [taken(*a), self.interrupt_once()][0]):
            with self.assertRaises(KeyboardInterrupt):
                self.pool.acquire()
        self.assertEqual((len(self.gateway.given), self.gateway.held), (1, {}))

    interrupted = False

    def interrupt_once(self) -> None:
        if not self.interrupted:
            self.interrupted = True
            raise KeyboardInterrupt


class Repeats(PoolTest):
    def test_sync_counts_and_is_repeated(self) -> None:
        details = {"new_sessions": 2, "removed_sessions": 1, "total_sessions": 10}
        synced = answer(200, {"status": "sync complete", "details": details})
        self.gateway.play("/sync", drop_unheard, synced)
        self.assertEqual(self.pool.sync(), telegate.SyncResult(2, 1, 10))

    def test_status_is_repeated(self) -> None:
        self.gateway.play("/status", drop_unheard, cut_done, answer(502, b""), answer(503, {}), answer(504, {}))
        status = self.pool.status()
        self.assertEqual((status.total, status.free, status.in_use, status.in_floodwait), (2, 1, 0, 1))
        self.assertEqual(status.next_available, datetime(2025, 3, 1, 18, 30, tzinfo=timezone.utc))
        self.assertEqual(self.time.slept, [0.2, 0.4, 0.8, 1.6, 3.2])

    def test_for_a_while(self) -> None:
        self.gateway.play("/status", *[answer(503, {"detail": "away"}, retry_after="4")] * 20)
        with self.assertRaisesRegex(telegate.PoolUnavailable, "503 away"):
            self.pool.status()
        self.assertEqual(self.time.slept, [4, 4, 4])

    def test_a_release_is_repeated_and_frees_that_lease_alone(self) -> None:
        self.gateway.play("/release", drop_done, answer(503, {}))
        session = self.pool.acquire()
        session.release()
        session.release()
        self.assertEqual([seen.headers["x-lease-id"] for seen in self.gateway.calls("/release")], ["lease-1"] * 3)

    def test_a_connection_that_the_gateway_ended_is_not_used(self) -> None:
        def last(handler):  # type: ignore[no-untyped-def]
            handler.reply(*handler.outcome())
            handler.close_connection = True

        self.gateway.play("/status", last)
        self.pool.status()
        (connection,) = self.pool._transport._idle
        connection.sock.settimeout(10)
        connection.sock.recv(1, 2)  # MSG_PEEK: the end has come
        self.pool.status()
        self.assertEqual(self.time.slept, [])

    def test_nobody_there(self) -> None:
        self.gateway.close()
        for wait in (True, False):
            with self.assertRaises(telegate.PoolUnavailable) as raised, self.pool.session(wait=wait):
                self.fail("nobody is there")
            self.assertFalse(raised.exception.uncertain)


class Refusals(PoolTest):
    def test_each_has_its_class_and_the_gateways_words(self) -> None:
        fields = [{"loc": ["query", "session_id"], "msg": "Field required", "type": "missing"}]
        for status, detail, kind in (
            (401, "The header X-API-Key is missing", telegate.NotAuthorised),
            (403, "lacks the scope pool:admin", telegate.NotAuthorised),
            (422, fields, telegate.InvalidRequest),
            (500, "the folder is gone: check SESSIONS_DIR", telegate.TelegateError),
        ):
            with self.subTest(status):
                self.gateway.play("/sync", answer(status, {"detail": detail}, trace_id="f" * 32))
                with self.assertRaises(kind) as raised:
                    self.pool.sync()
                error = raised.exception
                self.assertIs(type(error), kind)
                self.assertEqual((error.status, error.detail, error.trace_id), (status, detail, "f" * 32))
                self.assertIn(str(detail), str(error))
        self.assertEqual(self.time.slept, [])

    def test_an_answer_of_something_else(self) -> None:
        for fault in (answer(200, b"<html>"), answer(200, {"x": 1}), answer(301, b"", location="/")):
            self.gateway.play("/status", fault)
            with self.assertRaisesRegex(telegate.TelegateError, "check the URL"):
                self.pool.status()

    def test_urls_and_keys_that_are_none(self) -> None:
        for url in ("127.0.0.1:8080", "ftp://host", "http://user@host", "http://host?x", ""):
            with self.subTest(url), self.assertRaises(ValueError):
                telegate.Pool(url, KEY)
        for key in ("", "with blank", "zwei\n", "\x00", "é"):
            with self.subTest(key), self.assertRaises(ValueError):
                telegate.Pool("http://host", key)

    def test_the_key_is_in_no_text(self) -> None:
        key = "wrong-" + KEY
        pool = self.open(key)
        texts = [repr(pool), str(pool), repr(self.pool.acquire())]
        with self.assertRaises(telegate.NotAuthorised) as raised:
            pool.status()
        texts += [str(raised.exception), repr(raised.exception.args)]
        for url, bad in ((key, KEY), (f"http://{key}@localhost", KEY), ("http://localhost", f"{KEY}\n")):
            with self.assertRaises(ValueError) as refused:
                telegate.Pool(url, bad)
            texts.append(str(refused.exception))
        for text in texts:
            self.assertNotIn(KEY, text)

    def test_url_and_key_come_from_the_environment(self) -> None:
        with mock.patch.dict(os.environ, {"TELEGATE_URL": self.gateway.url, "TELEGATE_API_KEY": KEY}):
            pool = telegate.Pool()
            self.addCleanup(pool.close)
            self.assertEqual(pool.status().total, 2)
        with mock.patch.dict(os.environ, clear=True), self.assertRaisesRegex(ValueError, "set TELEGATE_URL"):
            telegate.Pool()


class Threads(unittest.TestCase):
    def test_many_share_a_pool_and_never_a_session(self) -> None:
        gateway = PlayedGateway(free=list(range(1, 5)), next_release_in=None)
        self.addCleanup(gateway.close)
        pool = telegate.Pool(gateway.url, KEY, _timing=Timing(jitter=lambda: 0.01))
        self.addCleanup(pool.close)
        using: List[int] = []
        faults: List[object] = []

        def work() -> None:
            try:
                for _ in range(5):
                    with pool.session(wait=True, timeout=30) as session:
                        if session.session_id in using:
                            faults.append(f"{session} is used twice")
                        using.append(session.session_id)
                        pool.status()
                        using.remove(session.session_id)
            except BaseException as error:
                faults.append(error)

        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])
        self.assertEqual((len(gateway.given), gateway.held), (60, {}))


if __name__ == "__main__":
    unittest.main()
