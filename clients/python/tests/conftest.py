"""The mesh that the tests run against, and a gateway of the tests' own that loses answers."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest
import telegate

Reply = Tuple[int, Dict[str, str], Any]


@pytest.fixture
def pool() -> Iterator[telegate.Pool]:
    """A real pool with exactly two sessions."""
    url = os.environ.get("TELEGATE_URL")
    if not url:
        pytest.skip("TELEGATE_URL is not set: these need a running mesh")
    with telegate.Pool(url, os.environ["TELEGATE_API_KEY"]) as opened:
        yield opened


class FakeGateway:
    """Answers as it is told; None breaks the connection without an answer."""

    def __init__(self) -> None:
        self.requests: List[Tuple[str, str, Dict[str, str]]] = []
        self.replies: List[Optional[Reply]] = []
        self.otherwise: Callable[[], Optional[Reply]] = lambda: (500, {}, {"detail": "no reply was prepared"})
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                fake.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
                reply = fake.replies.pop(0) if fake.replies else fake.otherwise()
                if reply is None:
                    self.close_connection = True
                    return
                status, headers, body = reply
                raw = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(raw))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def fake() -> Iterator[FakeGateway]:
    gateway = FakeGateway()
    yield gateway
    gateway.close()


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> List[float]:
    """Sleeps take no time and are noted."""
    noted: List[float] = []
    monkeypatch.setattr("telegate.pool.time.sleep", noted.append)
    return noted
