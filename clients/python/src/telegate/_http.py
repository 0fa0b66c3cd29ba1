"""Requests to one gateway over the standard library, and what its refusals mean."""

from __future__ import annotations

import http.client
import json
import math
import ssl
import threading
from typing import Any, Dict, List, Mapping, NamedTuple, Optional
from urllib.parse import urlencode, urlsplit

from .errors import InvalidRequest, NoFreeSession, NotAuthorised, PoolUnavailable, TelegateError

_KEPT_CONNECTIONS = 8
_MAX_ANSWER_BYTES = 1024 * 1024
_MAX_WORDS = 500


class Answer(NamedTuple):
    """An answer of 200: an object of JSON."""

    headers: Mapping[str, str]
    body: Mapping[str, Any]


class Transport:
    """Repeats nothing: that is for who knows what a repeat would do. Connections are kept for later calls."""

    def __init__(self, url: str, api_key: str, context: Optional[ssl.SSLContext]) -> None:
        parts = urlsplit(url)
        # The texts do not repeat what was given: it may be a key in the wrong place.
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url must be like http://127.0.0.1:8080")
        if parts.query or parts.fragment or parts.username is not None:
            raise ValueError("url must have no query, no fragment and no user name")
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise ValueError("api_key must be printable ASCII without blanks")
        self._is_secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self.origin = f"{parts.scheme}://{parts.netloc}{self._prefix}"
        self._headers = {"X-API-Key": api_key, "User-Agent": "telegate-python", "Accept": "application/json"}
        self._context = context
        self._lock = threading.Lock()
        self._idle: List[http.client.HTTPConnection] = []

    def call(
        self,
        method: str,
        path: str,
        timeout: float,
        query: Optional[Mapping[str, object]] = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> Answer:
        """One request. Raises a TelegateError for whatever is not its answer of 200."""
        target = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        connection = self._connection(timeout)
        is_sent = False
        try:
            if connection.sock is None:
                connection.connect()
            is_sent = True
            body = b"" if method == "POST" else None
            connection.request(method, target, body=body, headers={**self._headers, **(headers or {})})
            response = connection.getresponse()
            raw = response.read(_MAX_ANSWER_BYTES)
            if response.length:
                response.close()
                raise http.client.IncompleteRead(raw, response.length)
            if response.isclosed() and not response.will_close:
                self._keep(connection)
            else:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            reason = str(error) or type(error).__name__
            said = f"{method} {self.origin}{path}: {reason}"
            raise PoolUnavailable(said, uncertain=is_sent) from error
        except BaseException:
            connection.close()
            raise
        answered = {name.lower(): value for name, value in response.getheaders()}
        return _read(f"{method} {self.origin}{path}", response.status, answered, raw)

    def close(self) -> None:
        """Closes the connections that are kept; later calls open new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        with self._lock:
            kept = self._idle.pop() if self._idle else None
        if kept is not None:
            if not _was_ended(kept):
                kept.sock.settimeout(timeout)
                return kept
            kept.close()
        if self._is_secure:
            return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._context)
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout)

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < _KEPT_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()


def _was_ended(connection: http.client.HTTPConnection) -> bool:
    """A kept connection that has something to read was ended by the gateway: that is what there is to read."""
    try:
        connection.sock.settimeout(0)
        connection.sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        pass
    return True


def _read(call: str, status: int, headers: Dict[str, str], raw: bytes) -> Answer:
    try:
        body = json.loads(raw)
    except ValueError:
        body = raw.decode("utf-8", "replace")[:_MAX_WORDS]
    if status == 200 and isinstance(body, dict):
        return Answer(headers, body)
    detail = body.get("detail", body) if isinstance(body, dict) else body
    trace_id = headers.get("trace-id")
    said = f"{call}: {status} {str(detail)[:_MAX_WORDS]}{f' (trace {trace_id})' if trace_id else ''}"
    more: Dict[str, Any] = {"status": status, "detail": detail, "trace_id": trace_id}
    if status == 503 and isinstance(detail, dict) and detail.get("error") == "no_free_session":
        seconds = detail.get("next_release_in")
        in_floodwait = detail.get("in_floodwait")
        raise NoFreeSession(
            said,
            in_floodwait=in_floodwait if isinstance(in_floodwait, int) else 0,
            next_release_in=seconds if isinstance(seconds, (int, float)) else None,
            **more,
        )
    if status in (401, 403):
        raise NotAuthorised(said, **more)
    if status == 422:
        raise InvalidRequest(said, **more)
    if status in (429, 502, 503, 504):
        retry_after = _seconds(headers.get("retry-after"))
        raise PoolUnavailable(said, retry_after=retry_after, uncertain=status != 429, **more)
    if status < 400:
        said = f"{said}: not an answer of TeleGate's gateway; check the URL"
    raise TelegateError(said, uncertain=status >= 500 or status == 200, **more)


def _seconds(text: Optional[str]) -> Optional[float]:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
