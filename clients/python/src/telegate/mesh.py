"""Everything the mesh does, over gRPC. Needs grpcio; `telegate.Pool` alone does not."""

from __future__ import annotations

import getpass
import socket
import uuid
from datetime import datetime, timedelta
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Sequence, TypeVar, Union

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from telegate.account_auth.v1 import account_auth_service_pb2 as auth_pb2
from telegate.account_auth.v1 import account_pb2
from telegate.account_auth.v1.account_auth_service_pb2_grpc import AccountAuthServiceStub
from telegate.account_auth.v1.identity_service_pb2_grpc import IdentityServiceStub
from telegate.messaging.v1 import messaging_pb2
from telegate.messaging.v1 import messaging_service_pb2 as messages_pb2
from telegate.messaging.v1.messaging_service_pb2_grpc import MessagingServiceStub
from telegate.proxy_registry.v1.proxy_registry_service_pb2_grpc import ProxyRegistryServiceStub
from telegate.session_pool.v1 import lease_pb2
from telegate.session_pool.v1 import session_pool_service_pb2 as pool_pb2
from telegate.session_pool.v1.session_pool_service_pb2_grpc import SessionPoolServiceStub

from ._timing import Timing
from .lease import HeldLease, OnEvent
from .logins import Login
from .place import find_place
from .rpc_errors import mesh_error
from .watching import MessageWatch

_Answer = TypeVar("_Answer")

#: Who acts: a lease that you hold, an account's id, or a session's number.
Actor = Union[HeldLease, str, int]

_CHANNEL = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
)
#: Logins and checks wait for Telegram, through a proxy perhaps.
TELEGRAM_TIMEOUT = 60.0
_GRANT_TIMEOUT = 15.0


class Mesh:
    """A mesh, by its gateway's address, or by the file that `npm start` writes.

    Threads may share it; nothing is connected before the first call. What has no method here is called on the
    generated stubs: `mesh.call(mesh.session_pool.ListSessions, ListSessionsRequest())`.

    :param endpoint: the gateway's `host:port`, or `https://host:port` for TLS; TELEGATE_ENDPOINT when not given,
        and without that what `.telegate/mesh.json` here or above says.
    :param api_key: a key with the scopes for what is called; TELEGATE_API_KEY when not given.
    :param mesh_file: another file that `npm start` wrote.
    :param timeout: seconds that a call may take.
    :param root_certificates: PEM, for `https` with an authority of your own.
    """

    session_pool: SessionPoolServiceStub
    account_auth: AccountAuthServiceStub
    identity: IdentityServiceStub
    messaging: MessagingServiceStub
    proxy_registry: ProxyRegistryServiceStub

    def __init__(
        self,
        endpoint: Optional[str] = None,
        api_key: Optional[str] = None,
        *,
        mesh_file: Optional[str] = None,
        timeout: float = 10.0,
        root_certificates: Optional[bytes] = None,
        _timing: Timing = Timing(),
    ) -> None:
        if not timeout > 0:
            raise ValueError("timeout must be above 0")
        self._place = find_place(endpoint, api_key, mesh_file)
        self._metadata = (("x-api-key", self._place.api_key),)
        self._timeout = timeout
        self._timing = _timing
        self._root_certificates = root_certificates
        self._channels: Dict[str, grpc.Channel] = {}
        self.session_pool = SessionPoolServiceStub(self._channel("session_pool"))
        self.account_auth = AccountAuthServiceStub(self._channel("account_auth"))
        self.identity = IdentityServiceStub(self._channel("account_auth"))
        self.messaging = MessagingServiceStub(self._channel("messaging"))
        self.proxy_registry = ProxyRegistryServiceStub(self._channel("proxy_registry"))

    def call(self, method: Callable[..., _Answer], request: Any, timeout: Optional[float] = None) -> _Answer:
        """One unary call of a stub's method; what the mesh refuses is raised as a MeshError."""
        try:
            return method(request, metadata=self._metadata, timeout=timeout or self._timeout)
        except grpc.RpcError as error:
            raise mesh_error(error) from error

    # ---- sessions ----

    def lease(
        self,
        *,
        session_id: int = 0,
        name: str = "",
        account_id: str = "",
        labels: Optional[Mapping[str, str]] = None,
        for_method: str = "",
        ttl: float = 30.0,
        wait: float = 0.0,
        holder: Optional[str] = None,
        access: int = lease_pb2.LEASE_ACCESS_MEDIATED,
        on_event: Optional[OnEvent] = None,
    ) -> HeldLease:
        """Holds a session that fits, the least recently used of them, and renews it in the background.

        >>> with mesh.lease(labels={"team": "support"}, wait=60) as lease:
        ...     mesh.send_message(lease, "@anna", "Good morning")

        :param for_method: one that waits for nothing before this call, as `messages.sendMessage`.
        :param ttl: seconds that it lives without renewal, 5 to 3,600.
        :param wait: seconds to queue when none is free; then, or at once with 0, NoSessionFree is raised.
        :param access: LEASE_ACCESS_CREDENTIALS hands the key out, in `lease.lease.credentials`.
        :param on_event: told what happens, by the renewing thread: see OnEvent.
        """
        request = pool_pb2.AcquireLeaseRequest(
            selector=lease_pb2.SessionSelector(
                session_id=session_id, name=name, account_id=account_id, labels=labels, for_method=for_method
            ),
            holder=_here() if holder is None else holder,
            ttl=_duration(ttl),
            wait=_duration(wait),
            access=access,  # type: ignore[arg-type]
            request_id=str(uuid.uuid4()),
        )
        return HeldLease(self, request, wait + _GRANT_TIMEOUT, on_event)

    # ---- messages ----

    def send_message(
        self,
        actor: Actor,
        peer: str,
        text: str,
        *,
        format: int = messaging_pb2.TEXT_FORMAT_UNSPECIFIED,
        reply_to: int = 0,
        silent: bool = False,
        at: Optional[datetime] = None,
        attachment: Optional[messaging_pb2.Attachment] = None,
        wait_for_flood: float = 0.0,
        request_id: Optional[str] = None,
    ) -> messaging_pb2.Message:
        """Sends a message, once: repeat a failure that is `uncertain` with the same `request_id`.

        :param peer: `@username`, a phone, a t.me link, or a Peer.peer.
        :param at: when Telegram shall send it; with a time zone.
        :param wait_for_flood: seconds to wait for a flood wait to end; otherwise FloodWait is raised at once.
        """
        request = messages_pb2.SendMessageRequest(
            actor=actor_of(actor),
            peer=peer,
            text=text,
            format=format,  # type: ignore[arg-type]
            reply_to_message_id=reply_to,
            silent=silent,
            schedule_time=_timestamp(at),
            attachment=attachment,
            wait_for_flood=wait_for_flood > 0,
            request_id=request_id or str(uuid.uuid4()),
        )
        return self.call(self.messaging.SendMessage, request, self._timeout + wait_for_flood).message

    def watch_messages(self, account_ids: Sequence[str] = (), *, cursor: str = "") -> MessageWatch:
        """What happens to accounts, all of the tenant unless named: an iterator that ends only when it is closed.

        It survives broken connections and goes on after `cursor`; keep `watch.cursor` to go on after a restart.
        """
        return MessageWatch(self, account_ids, cursor)

    # ---- accounts ----

    def accounts(self, *, query: str = "", labels: Optional[Mapping[str, str]] = None) -> Iterator[account_pb2.Account]:
        """The accounts of the tenant, page by page."""
        token = ""
        while True:
            request = auth_pb2.ListAccountsRequest(query=query, labels=labels, page_size=1_000, page_token=token)
            page = self.call(self.account_auth.ListAccounts, request)
            yield from page.accounts
            token = page.next_page_token
            if not token:
                return

    def account(self, *, account_id: str = "", phone: str = "", session_id: int = 0) -> account_pb2.Account:
        """One account, by exactly one of these."""
        named: Dict[str, Any] = {"account_id": account_id, "phone": phone, "session_id": session_id}
        request = auth_pb2.GetAccountRequest(**{key: value for key, value in named.items() if value})
        return self.call(self.account_auth.GetAccount, request).account

    def check_account(self, account_id: str) -> account_pb2.Account:
        """Asks Telegram whether it works, and corrects what is known of it."""
        request = auth_pb2.CheckAccountRequest(account_id=account_id)
        return self.call(self.account_auth.CheckAccount, request, TELEGRAM_TIMEOUT).account

    def log_out(self, account_id: str, *, force: bool = False) -> account_pb2.Account:
        """Logs it out at Telegram and removes its session."""
        request = auth_pb2.LogOutAccountRequest(account_id=account_id, force=force)
        return self.call(self.account_auth.LogOutAccount, request, TELEGRAM_TIMEOUT).account

    def login(
        self,
        phone: str,
        *,
        proxy_id: str = "",
        labels: Optional[Mapping[str, str]] = None,
        name: str = "",
        request_id: Optional[str] = None,
    ) -> Login:
        """Asks Telegram to send a code; hand it in with `login.submit_code`. A login that lives is gone on with."""
        request = auth_pb2.StartLoginRequest(
            phone=phone, proxy_id=proxy_id, labels=labels, name=name, request_id=request_id or str(uuid.uuid4())
        )
        return Login(self, self.call(self.account_auth.StartLogin, request, TELEGRAM_TIMEOUT).login)

    def close(self) -> None:
        """Ends the connections. Leases that are held live to their end: release them first."""
        for channel in self._channels.values():
            channel.close()

    def __enter__(self) -> Mesh:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Mesh({self._place.address or dict(self._place.services)!r})"

    def _channel(self, service: str) -> grpc.Channel:
        address = self._place.of(service)
        if address not in self._channels:
            if self._place.tls:
                credentials = grpc.ssl_channel_credentials(self._root_certificates)
                self._channels[address] = grpc.secure_channel(address, credentials, options=_CHANNEL)
            else:
                self._channels[address] = grpc.insecure_channel(address, options=_CHANNEL)
        return self._channels[address]


def actor_of(actor: Actor) -> messaging_pb2.Actor:
    """Raises LeaseOver for a lease that may not be used any more."""
    if isinstance(actor, HeldLease):
        return messaging_pb2.Actor(lease=actor.proof)
    return messaging_pb2.Actor(account_id=actor) if isinstance(actor, str) else messaging_pb2.Actor(session_id=actor)


def _here() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"[:128]
    except (OSError, KeyError):  # Containers run users that have no name.
        return socket.gethostname()[:128]


def _duration(seconds: float) -> Optional[Duration]:
    if seconds <= 0:
        return None
    made = Duration()
    made.FromTimedelta(timedelta(seconds=seconds))
    return made


def _timestamp(at: Optional[datetime]) -> Optional[Timestamp]:
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError("at must have a time zone, as datetime.now(timezone.utc)")
    made = Timestamp()
    made.FromDatetime(at)
    return made
