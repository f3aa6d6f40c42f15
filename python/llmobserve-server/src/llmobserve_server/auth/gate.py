"""Checks keys, sign-in tokens and sessions against the control database, with a memory of a few seconds."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from llmobserve.wire.ids import new_event_id
from llmobserve_server.auth.deployment import Deployment
from llmobserve_server.auth.secrets import (
    Scope,
    hash_secret,
    is_well_formed_key,
    new_key_secret,
    new_token,
    shown_prefix,
)
from llmobserve_server.auth.throttle import Throttle
from llmobserve_server.control import keys, sessions
from llmobserve_server.control.audit import Actor
from llmobserve_server.control.database import ControlDatabase
from llmobserve_server.control.models import ApiKey, BrowserSession, utc_now
from llmobserve_server.control.projects import project_exists
from llmobserve_server.errors import ServerError, Unauthorized

__all__ = ["Gate", "Memory", "SignInOver"]

V = TypeVar("V")

_REMEMBERED_S = 3.0
"""How long another process's revocation may stay unnoticed here; one of this process counts at once."""
_REMEMBERED_MAX = 10_000


class SignInOver(ServerError):
    """The sign-in link was used before, or is too old."""

    status = 410
    code = "sign_in_over"


class Memory(Generic[V]):
    """Answers of the last seconds by key; `None` answers too, so that guessing costs no look-ups."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[float, V | None]] = {}
        self._forgotten = 0

    async def get(self, key: str, ask: Callable[[], V | None]) -> V | None:
        """The remembered answer, else that of `ask`, which runs in a thread."""
        known = self._answers.get(key)
        now = time.monotonic()
        if known is not None and known[0] > now:
            return known[1]
        forgotten = self._forgotten
        answer = await asyncio.to_thread(ask)
        if forgotten != self._forgotten:
            # It may be what was true before the change for which everything was forgotten.
            return answer
        if len(self._answers) >= _REMEMBERED_MAX:
            self._answers.clear()
        self._answers[key] = (now + _REMEMBERED_S, answer)
        return answer

    def forget(self) -> None:
        """Ask anew for everything."""
        self._forgotten += 1
        self._answers.clear()


class Gate:
    """The credentials of one server."""

    def __init__(self, control: ControlDatabase, deployment: Deployment) -> None:
        self.control = control
        self.deployment = deployment
        self._keys: Memory[ApiKey] = Memory()
        self._sessions: Memory[BrowserSession] = Memory()
        self._projects: Memory[bool] = Memory()
        self._throttle = Throttle()

    async def key(self, secret: str, address: str | None) -> ApiKey:
        """The valid key with this secret. Raises Unauthorized."""
        if not is_well_formed_key(secret):
            raise Unauthorized("This is not a key of llmobserve: it was cut or mistyped. Keys begin with llmo_.")
        secret_hash = hash_secret(secret)

        def ask() -> ApiKey | None:
            key = keys.find_key(self.control, secret_hash)
            if key is not None:
                keys.note_use(self.control, key, utc_now(), address)
            return key

        key = await self._keys.get(secret_hash, ask)
        if key is None or (key.expires_at is not None and key.expires_at <= utc_now()):
            raise Unauthorized("This key is not valid: it was revoked, has expired, or belongs to another server.")
        return key

    async def session(self, cookie: str) -> BrowserSession | None:
        """The session with this cookie, or `None`."""
        token_hash = hash_secret(cookie)
        return await self._sessions.get(token_hash, lambda: sessions.find_session(self.control, token_hash))

    async def has_project(self, project_id: str) -> bool:
        """Whether there is a project of this id."""
        found = await self._projects.get(project_id, lambda: project_exists(self.control, project_id))
        return bool(found)

    def new_sign_in_url(self) -> str:
        """Address that signs a browser in, once, within 30 minutes. Blocks."""
        token = new_token()
        sessions.add_sign_in_token(self.control, hash_secret(token))
        return f"{self.deployment.base_url}/sign-in?token={token}"

    async def sign_in(self, token: str, address: str | None) -> str:
        """Value of the cookie of a new session.

        Raises:
            TooManyAttempts: this address has guessed too often.
            SignInOver: the token was used before or is too old.
            Unauthorized: there is no such token.
        """
        self._throttle.check(address)
        outcome = await asyncio.to_thread(sessions.use_sign_in_token, self.control, hash_secret(token))
        if outcome == "over":
            raise SignInOver(
                "This sign-in link was used before or is older than 30 minutes. `llmobserve sign-in` prints a new one."
            )
        if outcome == "unknown":
            self._throttle.note_failure(address)
            raise Unauthorized("This sign-in link is not valid. `llmobserve sign-in` prints a new one.")
        cookie = new_token()
        await asyncio.to_thread(sessions.add_session, self.control, new_event_id(), hash_secret(cookie), address)
        return cookie

    async def sign_out(self, session: BrowserSession, actor: Actor) -> None:
        """End a session; its cookie is refused from now on."""
        await asyncio.to_thread(sessions.end_session, self.control, session.id, actor)
        self._sessions.forget()

    async def create_key(self, key: ApiKey, scope: Scope, actor: Actor) -> tuple[ApiKey, str]:
        """The stored key and its secret, which is kept nowhere."""
        secret = new_key_secret(scope)
        key.id, key.scope = new_event_id(), scope
        key.prefix, key.secret_hash = shown_prefix(secret), hash_secret(secret)
        return await asyncio.to_thread(keys.create_key, self.control, key, actor), secret

    async def revoke_key(self, key_id: str, project_id: str | None, actor: Actor) -> None:
        """Refuse a key from now on. Raises NotFound."""
        await asyncio.to_thread(keys.revoke_key, self.control, key_id, project_id, actor)
        self._keys.forget()

    def forget_projects(self) -> None:
        """Look projects up anew, after one was created."""
        self._projects.forget()
