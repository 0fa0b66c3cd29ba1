"""Mesh against a running mesh with a local Telegram, whose control port TELEGATE_TEST_TELEGRAM names."""

from __future__ import annotations

import base64
import importlib
import os
import queue
import socket
import struct
import threading
import time
import unittest
import uuid
from typing import Any, Tuple

import telegate

ENDPOINT = os.environ.get("TELEGATE_TEST_ENDPOINT", "")
TELEGRAM = os.environ.get("TELEGATE_TEST_TELEGRAM", "")
#: Longer than anything takes that comes.
PATIENCE = 30.0

if ENDPOINT:
    import grpc
    from google.protobuf.duration_pb2 import Duration

    from telegate.session_pool.v1 import session_pb2
    from telegate.session_pool.v1 import session_pool_service_pb2 as pool_pb2

    from .forwarder import Forwarder


def session_string() -> bytes:
    """A Telethon string with a key that no Telegram knows."""
    packed = struct.pack(">B4sH256s", 2, socket.inet_aton("149.154.167.51"), 443, os.urandom(256))
    return b"1" + base64.urlsafe_b64encode(packed)


class Events:
    """What a lease says, in order."""

    def __init__(self) -> None:
        self._said: "queue.Queue[Tuple[str, Any]]" = queue.Queue()

    def __call__(self, kind: str, message: Any) -> None:
        self._said.put((kind, message))

    def until(self, wanted: str) -> Any:
        """The next of this kind; what comes before it is passed over."""
        deadline = time.monotonic() + PATIENCE
        while True:
            kind, message = self._said.get(timeout=max(0.01, deadline - time.monotonic()))
            if kind == wanted:
                return message


def load_tests(loader: Any, tests: Any, pattern: Any) -> Any:
    """Those of Pool run without a mesh of this kind."""
    return tests if ENDPOINT else unittest.TestSuite()


class MeshCase(unittest.TestCase):
    def setUp(self) -> None:
        self.mesh = telegate.Mesh(ENDPOINT)
        self.addCleanup(self.mesh.close)

    def new_session(self, **labels: str) -> str:
        name = f"python {uuid.uuid4()}"
        request = pool_pb2.ImportSessionRequest(
            name=name, material=session_string(), environment="nowhere", labels=labels
        )
        self.mesh.call(self.mesh.session_pool.ImportSession, request)
        return name

    def session(self, name: str) -> Any:
        return self.mesh.call(self.mesh.session_pool.GetSession, pool_pb2.GetSessionRequest(name=name)).session


class Leases(MeshCase):
    def test_is_held_renewed_and_given_back(self) -> None:
        name, events = self.new_session(), Events()
        with self.mesh.lease(name=name, ttl=5, holder="python", on_event=events) as lease:
            self.assertEqual(lease.session_name, name)
            self.assertTrue(0 < lease.remaining <= 4.5)
            events.until("renewed")
            first = lease.remaining
            events.until("renewed")
            self.assertGreater(lease.remaining, 2, first)
            self.assertEqual(self.session(name).lease.holder, "python")
            lease.check()
        self.assertTrue(lease.is_over)
        self.assertEqual(lease.remaining, 0)
        self.assertRaises(telegate.LeaseOver, lease.check)
        self.assertEqual(self.session(name).state, session_pb2.SESSION_STATE_FREE)
        lease.release()

    def test_nobody_else_gets_it_until_it_is_released(self) -> None:
        name = self.new_session()
        events = Events()
        lease = self.mesh.lease(name=name, holder="first")
        with self.assertRaises(telegate.NoFreeSession) as raised:
            self.mesh.lease(name=name)
        self.assertIsInstance(raised.exception, telegate.NoSessionFree)
        self.assertEqual(raised.exception.reason, "NO_FREE_SESSION")
        self.assertEqual(raised.exception.metadata["holder"], "first")
        self.assertTrue(0 < (raised.exception.retry_after or 0) <= 30)
        got: "queue.Queue[telegate.HeldLease]" = queue.Queue()
        waiter = threading.Thread(
            target=lambda: got.put(self.mesh.lease(name=name, wait=PATIENCE, on_event=events)), daemon=True
        )
        waiter.start()
        self.assertEqual(events.until("queued").position, 1)
        lease.release()
        second = got.get(timeout=PATIENCE)
        self.assertGreater(second.lease.fencing_token, lease.lease.fencing_token)
        second.release()

    def test_goes_on_over_a_new_connection(self) -> None:
        name, events = self.new_session(), Events()
        way = Forwarder(ENDPOINT)
        self.addCleanup(way.close)
        with telegate.Mesh(way.address) as mesh, mesh.lease(name=name, ttl=5, on_event=events) as lease:
            token = lease.proof.fencing_token
            way.cut()
            events.until("disconnected")
            events.until("attached")
            events.until("renewed")
            self.assertEqual(lease.proof.fencing_token, token)
            self.assertEqual(self.session(name).state, session_pb2.SESSION_STATE_LEASED)
        self.assertEqual(self.session(name).state, session_pb2.SESSION_STATE_FREE)

    def test_stops_itself_before_anybody_else_can_have_it(self) -> None:
        name, events = self.new_session(), Events()
        way = Forwarder(ENDPOINT)
        self.addCleanup(way.close)
        with telegate.Mesh(way.address) as mesh:
            lease = mesh.lease(name=name, ttl=5, on_event=events)
            way.silence()
            events.until("suspended")
            # The mesh still keeps it for this holder: a tenth of the TTL is the margin.
            self.assertEqual(self.session(name).state, session_pb2.SESSION_STATE_LEASED)
            self.assertRaises(telegate.LeaseOver, lambda: lease.proof)
            with self.mesh.lease(name=name, wait=PATIENCE):
                way.flow()
                events.until("lost")
            self.assertTrue(lease.is_over)
            self.assertRaises(telegate.LeaseOver, lease.check)
            lease.release()

    def test_is_told_when_somebody_takes_it_away(self) -> None:
        name, events = self.new_session(), Events()
        with self.mesh.lease(name=name, on_event=events) as lease:
            revoke = pool_pb2.RevokeLeaseRequest(lease_id=lease.lease.lease_id, grace=Duration(seconds=1))
            self.mesh.call(self.mesh.session_pool.RevokeLease, revoke)
            events.until("drain_requested")
            self.assertIsNotNone(lease.drain_deadline)
            self.assertTrue(lease.wait_until_over(PATIENCE))
            self.assertRaises(telegate.LeaseOver, lease.check)


class Messages(MeshCase):
    @classmethod
    def setUpClass(cls) -> None:
        # Of gen/python: for tests alone, and so no part of the package.
        cls.pb2: Any = importlib.import_module("telegate.local_telegram.v1.local_telegram_service_pb2")
        cls.faults: Any = importlib.import_module("telegate.local_telegram.v1.faults_pb2")
        stubs: Any = importlib.import_module("telegate.local_telegram.v1.local_telegram_service_pb2_grpc")
        cls.channel = grpc.insecure_channel(TELEGRAM)
        cls.telegram = stubs.LocalTelegramServiceStub(cls.channel)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.channel.close()

    def ask(self, method: str, **fields: Any) -> Any:
        request = getattr(self.pb2, f"{method}Request")(**fields)
        metadata = (("x-api-key", os.environ["TELEGATE_API_KEY"]),)
        return getattr(self.telegram, method)(request, metadata=metadata, timeout=10)

    def person(self, password: str = "") -> Tuple[Any, str]:
        """Somebody at Telegram, logged in here."""
        number = uuid.uuid4().int
        username, phone = f"py{number % 10**12}", f"+1559{number % 10**7:07d}"
        created = self.ask(
            "CreateAccount", account={"phone": phone, "first_name": "P", "username": username, "password": password}
        )
        login = self.mesh.login(phone, labels={"made": "python"})
        self.assertTrue(login.needs_code)
        code = self.ask("GetLoginCode", phone=phone, wait=Duration(seconds=5)).code.code
        with self.assertRaises(telegate.WrongCode) as raised:
            login.submit_code("11111" if code != "11111" else "22222")
        self.assertGreater(int(raised.exception.metadata["attempts_left"]), 0)
        login.submit_code(code)
        if password:
            self.assertTrue(login.needs_password)
            login.submit_password(password)
        self.assertTrue(login.is_authorised)
        self.telegram_id = created.account.account_id
        return login.account, f"@{username}"

    def test_are_sent_under_a_lease_and_watched_on(self) -> None:
        anna, _ = self.person(password="a password of hers")
        ben, ben_peer = self.person()
        self.assertIn(anna.account_id, [one.account_id for one in self.mesh.accounts(labels={"made": "python"})])
        self.assertEqual(self.mesh.account(phone=anna.phone).session_id, anna.session_id)
        seen: "queue.Queue[str]" = queue.Queue()
        ready = threading.Event()
        watch = self.mesh.watch_messages([ben.account_id])

        def follow(watch: telegate.MessageWatch) -> None:
            for event in watch:
                ready.set()
                if event.WhichOneof("event") == "message_added":
                    seen.put(event.message_added.text)

        threading.Thread(target=follow, args=(watch,), daemon=True).start()
        self.assertTrue(ready.wait(PATIENCE))
        with self.mesh.lease(account_id=anna.account_id) as lease:
            one = str(uuid.uuid4())
            sent = self.mesh.send_message(lease, ben_peer, "under a lease", request_id=one)
            self.assertEqual(seen.get(timeout=PATIENCE), "under a lease")
            again = self.mesh.send_message(lease, ben_peer, "under a lease", request_id=one)
            self.assertEqual(again.message_id, sent.message_id)
            with self.assertRaises(telegate.SessionLeased):
                self.mesh.send_message(anna.account_id, ben_peer, "somebody holds it")
        self.assertRaises(telegate.LeaseOver, lambda: self.mesh.send_message(lease, ben_peer, "too late"))
        watch.close()
        self.mesh.send_message(anna.session_id, ben_peer, "while nobody watched")
        with self.mesh.watch_messages([ben.account_id], cursor=watch.cursor) as back:
            texts = (event.message_added.text for event in back if event.WhichOneof("event") == "message_added")
            self.assertEqual(next(text for text in texts if text != "under a lease"), "while nobody watched")

    def test_a_flood_wait_says_for_how_long(self) -> None:
        _, peer = self.person()
        anna, _ = self.person()
        spec = self.faults.FaultSpec(
            scope=self.faults.FaultScope(account_ids=[self.telegram_id], methods=["messages.sendMessage"]),
            count=1,
            flood_wait=self.faults.FloodWaitFault(wait=Duration(seconds=900)),
        )
        self.ask("CreateFault", spec=spec)
        with self.assertRaises(telegate.FloodWait) as raised:
            self.mesh.send_message(anna.account_id, peer, "hello")
        self.assertTrue(800 < (raised.exception.retry_after or 0) <= 900)
        self.assertEqual(raised.exception.metadata["method"], "messages.sendMessage")


class Refusals(MeshCase):
    def test_a_wrong_key(self) -> None:
        with telegate.Mesh(ENDPOINT, "tgop_canary") as mesh, self.assertRaises(telegate.NotAuthorised) as raised:
            mesh.lease()
        self.assertIsInstance(raised.exception, telegate.KeyRefused)
        self.assertNotIn("canary", repr(mesh) + str(raised.exception))

    def test_what_is_not_there_and_what_is_wrong(self) -> None:
        self.assertRaises(telegate.NotFound, lambda: self.mesh.account(phone="+15550000000"))
        self.assertRaises(telegate.NotFound, lambda: self.mesh.lease(name="nobody"))
        with self.assertRaises(telegate.InvalidField) as raised:
            self.mesh.lease(ttl=1)
        self.assertEqual([field for field, _ in raised.exception.field_violations], ["ttl"])
        self.assertRegex(raised.exception.trace_id or "", "^[0-9a-f]{32}$")

    def test_nobody_there(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        with telegate.Mesh(f"127.0.0.1:{port}", "key") as mesh, self.assertRaises(telegate.Unavailable) as raised:
            mesh.account(phone="+15550000000")
        self.assertTrue(raised.exception.uncertain)

    def test_where_it_looks_for_the_mesh(self) -> None:
        self.assertRaisesRegex(ValueError, "npm start", telegate.Mesh, mesh_file="/nowhere/mesh.json")
        self.assertRaisesRegex(ValueError, "host:port", telegate.Mesh, "ftp://x:1", "key")


if __name__ == "__main__":
    unittest.main()
