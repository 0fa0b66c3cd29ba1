"""What happens to accounts, as an iterator that survives broken connections."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Iterator, Sequence

import grpc
from telegate.messaging.v1 import messaging_service_pb2 as messages_pb2

from ._timing import doubled
from .rpc_errors import Unavailable, mesh_error

if TYPE_CHECKING:
    from .mesh import Mesh

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


class MessageWatch:
    """Iterate it for WatchMessagesResponse messages: `event.WhichOneof("event")` says what happened.

    An event counts as seen when the next one is asked for: only then `cursor` moves on, so that who keeps it gets an
    event again after a crash, but misses none. Where events are missing there is a `gap`. Made by Mesh.watch_messages.
    """

    def __init__(self, mesh: Mesh, account_ids: Sequence[str], cursor: str) -> None:
        #: Where the watch stands.
        self.cursor = cursor
        self._mesh = mesh
        self._account_ids = list(account_ids)
        self._closed = threading.Event()
        self._call: Any = None

    def __iter__(self) -> Iterator[messages_pb2.WatchMessagesResponse]:
        """Raises a MeshError when the mesh refuses; a mesh that can not be reached is waited for."""
        failures = 0
        while not self._closed.is_set():
            request = messages_pb2.WatchMessagesRequest(account_ids=self._account_ids, cursor=self.cursor)
            self._call = self._mesh.messaging.WatchMessages(request, metadata=self._mesh._metadata)
            if self._closed.is_set():
                self._call.cancel()
            try:
                for event in self._call:
                    failures = 0
                    yield event
                    self.cursor = event.cursor or self.cursor
            except grpc.RpcError as raw:
                if self._closed.is_set():
                    return
                error = mesh_error(raw)
                if not isinstance(error, Unavailable):
                    raise error from raw
                failures += 1
            finally:
                self._call.cancel()
            self._closed.wait(doubled(_FIRST_PAUSE, _LONGEST_PAUSE, max(1, failures)))

    def close(self) -> None:
        """Ends the iteration, also from another thread."""
        self._closed.set()
        if self._call is not None:
            self._call.cancel()

    def __enter__(self) -> MessageWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
