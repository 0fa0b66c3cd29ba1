"""A login of a Telegram account, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from telegate.account_auth.v1 import account_auth_service_pb2 as auth_pb2
from telegate.account_auth.v1 import account_pb2

if TYPE_CHECKING:
    from .mesh import Mesh

_TIMEOUT = 60.0


class Login:
    """A login in progress. It lives in the mesh: another process may go on with it. Made by Mesh.login."""

    def __init__(self, mesh: Mesh, login: account_pb2.Login) -> None:
        self._mesh = mesh
        #: How far it has come, as the mesh said last.
        self.login = login
        #: The account, once it is logged in.
        self.account: Optional[account_pb2.Account] = None

    @property
    def needs_code(self) -> bool:
        return self.login.state == account_pb2.LOGIN_STATE_CODE_SENT

    @property
    def needs_password(self) -> bool:
        return self.login.state == account_pb2.LOGIN_STATE_PASSWORD_NEEDED

    @property
    def is_authorised(self) -> bool:
        """Whether the account is logged in and its session is in the pool."""
        return self.login.state == account_pb2.LOGIN_STATE_AUTHORISED

    def submit_code(self, code: str) -> Login:
        """Raises WrongCode when it is wrong: try again. Then `needs_password` or `is_authorised` holds."""
        request = auth_pb2.SubmitCodeRequest(login_id=self.login.login_id, code=code)
        return self._took(self._mesh.call(self._mesh.account_auth.SubmitCode, request, _TIMEOUT))

    def submit_password(self, password: str) -> Login:
        """Raises WrongCode when it is wrong: try again. It is proved to Telegram, never sent or stored."""
        request = auth_pb2.SubmitPasswordRequest(login_id=self.login.login_id, password=password)
        return self._took(self._mesh.call(self._mesh.account_auth.SubmitPassword, request, _TIMEOUT))

    def resend_code(self) -> Login:
        """In the next way Telegram offers. Raises QuotaExceeded before `login.resend_time`."""
        request = auth_pb2.ResendCodeRequest(login_id=self.login.login_id)
        self.login = self._mesh.call(self._mesh.account_auth.ResendCode, request, _TIMEOUT).login
        return self

    def cancel(self) -> None:
        """Gives it up and destroys its key."""
        request = auth_pb2.CancelLoginRequest(login_id=self.login.login_id)
        self.login = self._mesh.call(self._mesh.account_auth.CancelLogin, request).login

    def __repr__(self) -> str:
        return f"Login({self.login.login_id!r}, {account_pb2.LoginState.Name(self.login.state)})"

    def _took(self, answer: Any) -> Login:
        self.login = answer.login
        self.account = answer.account if answer.HasField("account") else None
        return self
