"""A gateway for tests: a pool of sessions in memory, behind a real socket at which faults are played."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple
from urllib.parse import parse_qs, urlsplit

KEY = "tgk_secret_of_the_tests"

Fault = Callable[["_Handler"], None]


@dataclass
class Seen:
    method: str
    path: str
    query: Dict[str, List[str]]
    headers: Dict[str, str]


@dataclass
class PlayedGateway:
    """Faults are played one a request of their path, in order; then it answers as a gateway does."""

    free: List[int] = field(default_factory=lambda: [1])
    ttl: int = 1800
    seen: List[Seen] = field(default_factory=list)
    held: Dict[str, int] = field(default_factory=dict)
    given: Dict[str, Tuple[int, str]] = field(default_factory=dict)
    faults: Dict[str, Deque[Fault]] = field(default_factory=dict)
    next_release_in: Optional[int] = 7
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.gateway = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        serving = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        serving.start()

    def play(self, path: str, *faults: Fault) -> None:
        self.faults.setdefault(path, deque()).extend(faults)

    def calls(self, path: str) -> List[Seen]:
        with self.lock:
            return [seen for seen in self.seen if seen.path == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, key: str) -> Optional[Tuple[int, str]]:
        if key not in self.given and self.free:
            lease_id = f"lease-{len(self.given) + 1}"
            self.given[key] = (self.free.pop(0), lease_id)
            self.held[lease_id] = self.given[key][0]
        return self.given.get(key)

    def release(self, lease_id: str) -> None:
        if lease_id in self.held:
            self.free.append(self.held.pop(lease_id))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A header and a body in two writes would wait for each other's acknowledgement.
    wbufsize = 64 * 1024

    def do_GET(self) -> None:
        gateway: PlayedGateway = self.server.gateway  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        with gateway.lock:
            gateway.seen.append(Seen(self.command, parts.path, parse_qs(parts.query), headers))
            faults = gateway.faults.get(parts.path)
            fault = faults.popleft() if faults else None
        if fault:
            fault(self)
        else:
            self.reply(*self.outcome())

    do_POST = do_GET

    def outcome(self) -> Tuple[int, Any, Dict[str, str]]:
        """What happens, as the gateway does it; the answer is the caller's to send or to lose."""
        gateway: PlayedGateway = self.server.gateway  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        if self.headers.get("x-api-key") != KEY:
            return 403, {"detail": "The API key is wrong or revoked"}, {}
        with gateway.lock:
            if parts.path == "/session":
                taken = gateway.take(self.headers["idempotency-key"])
                if taken is None:
                    seconds = gateway.next_release_in
                    detail = {"error": "no_free_session", "in_floodwait": 3, "next_release_in": seconds}
                    return 503, {"detail": detail}, {}
                body = {"session_id": taken[0], "session_name": f"session{taken[0]}"}
                return 200, body, {"X-Lease-Id": taken[1], "X-Lease-Ttl": str(gateway.ttl)}
            if parts.path == "/release":
                gateway.release(self.headers.get("x-lease-id", ""))
                return 200, {"status": "released", "session_id": 1}, {}
            if parts.path == "/status":
                body = {"total": 2, "free": 1, "in_use": 0, "in_floodwait": 1}
                return 200, {**body, "next_available": "2025-03-01 18:30:00"}, {}
            if parts.path == "/invalidate":
                return 200, {"status": "invalidated", "session_id": 1}, {}
        return 404, {"detail": "Not Found"}, {}

    def reply(self, status: int, body: Any, headers: Dict[str, str]) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(raw))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def drop_unheard(handler: _Handler) -> None:
    """The connection breaks after the request was read; nothing happened."""
    handler.close_connection = True


def drop_done(handler: _Handler) -> None:
    """What was asked for happens; the connection breaks before the answer."""
    handler.outcome()
    handler.close_connection = True


def cut_done(handler: _Handler) -> None:
    """It happens; the connection breaks in the middle of the answer."""
    handler.outcome()
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"session_id"')
    handler.close_connection = True


def slow_until(event: threading.Event) -> Fault:
    """It happens; the answer comes when the event does."""

    def fault(handler: _Handler) -> None:
        outcome = handler.outcome()
        event.wait(30)
        try:
            handler.reply(*outcome)
        except OSError:
            pass

    return fault


def answer(status: int, body: Any, **headers: str) -> Fault:
    return lambda handler: handler.reply(
        status, body, {name.replace("_", "-"): value for name, value in headers.items()}
    )
