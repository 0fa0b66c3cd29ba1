"""Against a running mesh whose pool has two sessions, in the folder TELEGATE_TEST_SESSIONS, and nobody else's work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import unittest
from pathlib import Path
from typing import List

import telegate
from telegate._timing import Timing

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "telethon_example.py"

INTERRUPTED = """
import signal, sys, telegate
with telegate.Pool().session() as session:
    print(session.session_id, flush=True)
    signal.pause()
"""


@unittest.skipUnless(os.environ.get("TELEGATE_URL"), "TELEGATE_URL is not set: these need a running mesh")
class Mesh(unittest.TestCase):
    def setUp(self) -> None:
        self.pool = telegate.Pool()
        self.addCleanup(self.pool.close)
        self.assertEqual(self.pool.status(), telegate.PoolStatus(2, 2, 0, 0, None))

    def test_takes_and_gives_back(self) -> None:
        with self.pool.session(wait=True) as session:
            self.assertIn(session.session_name, ("one", "two"))
            self.assertEqual((session.ttl, len(session.lease_id)), (1800, 36))
            self.assertTrue(1790 < session.remaining <= 1800)
            self.assertEqual(self.pool.status().in_use, 1)
        self.assertEqual(self.pool.status().free, 2)

    def test_gives_back_when_the_block_raises(self) -> None:
        with self.assertRaisesRegex(KeyError, "mine"), self.pool.session():
            raise KeyError("mine")
        self.assertEqual(self.pool.status().free, 2)

    def test_gives_back_on_ctrl_c(self) -> None:
        child = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with child:
            assert child.stdout
            self.assertGreater(int(child.stdout.readline()), 0)
            self.assertEqual(self.pool.status().in_use, 1)
            child.send_signal(signal.SIGINT)
            _, complaint = child.communicate(timeout=20)
        self.assertIn("KeyboardInterrupt", complaint)
        self.assertEqual(self.pool.status().free, 2)

    def test_none_free(self) -> None:
        with self.pool.session() as one, self.pool.session() as two:
            self.assertNotEqual(one.session_id, two.session_id)
            with self.assertRaises(telegate.NoFreeSession) as raised, self.pool.session(wait=False):
                self.fail("there is none")
            self.assertEqual(raised.exception.in_floodwait, 0)
            self.assertTrue(1790 < (raised.exception.next_release_in or 0) <= 1800)
            self.assertRegex(raised.exception.trace_id or "", "^[0-9a-f]{32}$")
            with self.assertRaises(telegate.NoFreeSession):
                self.pool.acquire(wait=True, timeout=0.2)

    def test_waits_until_one_is_released(self) -> None:
        held = [self.pool.acquire(), self.pool.acquire()]
        asked = threading.Event()
        got: List[telegate.Session] = []

        def sleep(_: float) -> None:
            asked.set()
            released.wait(20)

        released = threading.Event()
        waiting = telegate.Pool(_timing=Timing(sleep=sleep))

        def waiter() -> None:
            with waiting.session(wait=True, timeout=20) as session:
                got.append(session)

        thread = threading.Thread(target=waiter)
        thread.start()
        self.assertTrue(asked.wait(20))
        held[0].release()
        released.set()
        thread.join(20)
        waiting.close()
        self.assertEqual([session.session_id for session in got], [held[0].session_id])
        held[1].release()

    def test_a_lost_answer_is_repeated_and_gets_the_same_lease(self) -> None:
        first = self.pool._take("once " + self.id(), 0, 10)
        again = self.pool._take("once " + self.id(), 0, 10)
        self.assertEqual((first.session_id, first.lease_id), (again.session_id, again.lease_id))
        self.assertEqual(self.pool.status().in_use, 1)
        first.release()

    def test_a_late_release_frees_nobody_else(self) -> None:
        first, other = self.pool.acquire(), self.pool.acquire()
        first.release()
        second = self.pool.acquire()
        self.assertEqual(second.session_id, first.session_id)
        self.pool._release(first.session_id, first.lease_id)
        self.assertEqual(self.pool.status().in_use, 2)
        second.release()
        other.release()

    def test_a_wrong_key(self) -> None:
        with self.assertRaises(telegate.NotAuthorised) as raised:
            telegate.Pool(None, "wrong").status()
        self.assertEqual(raised.exception.status, 403)

    def test_a_number_that_is_none(self) -> None:
        with self.assertRaises(telegate.InvalidRequest) as raised:
            self.pool.invalidate("x")  # type: ignore[arg-type]
        self.assertEqual(raised.exception.detail[0]["loc"], ["query", "session_id"])

    def test_sync_finds_and_misses_files(self) -> None:
        folder = Path(os.environ["TELEGATE_TEST_SESSIONS"])
        kept = folder.parent / "two.session"
        (folder / "two.session").rename(kept)
        try:
            self.assertEqual(self.pool.sync(), telegate.SyncResult(0, 1, 1))
        finally:
            kept.rename(folder / "two.session")
        self.assertEqual(self.pool.sync(), telegate.SyncResult(1, 0, 2))

    def test_the_example_says_what_it_would_do_and_needs_its_settings(self) -> None:
        dry = subprocess.run([sys.executable, str(EXAMPLE), "--dry-run"], capture_output=True, text=True, timeout=20)
        self.assertEqual((dry.returncode, dry.stderr), (0, ""))
        self.assertIn(os.environ["TELEGATE_URL"], dry.stdout)
        self.assertNotIn(os.environ["TELEGATE_API_KEY"], dry.stdout)
        bare = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, timeout=20)
        self.assertEqual(bare.returncode, 2)
        self.assertIn("set TELEGRAM_API_ID, TELEGRAM_API_HASH", bare.stderr)


@unittest.skipUnless(os.environ.get("TELEGATE_URL"), "TELEGATE_URL is not set: these need a running mesh")
class ZLast(unittest.TestCase):
    """Run after the others, by its name: it takes a session out of the pool."""

    def test_invalidate(self) -> None:
        pool = telegate.Pool()
        self.addCleanup(pool.close)
        with pool.session() as session:
            session.invalidate()
        pool.invalidate(session.session_id)
        status = pool.status()
        self.assertEqual((status.total, status.free, status.in_use), (2, 1, 0))


if __name__ == "__main__":
    unittest.main()
