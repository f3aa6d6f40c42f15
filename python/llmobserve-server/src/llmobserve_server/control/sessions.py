"""Stores sign-in tokens and browser sessions, by hash."""

from datetime import timedelta
from typing import Literal, cast

from sqlalchemy import CursorResult, delete, select, update

from llmobserve_server.control.audit import CONSOLE, Actor, record
from llmobserve_server.control.database import ControlDatabase
from llmobserve_server.control.models import BrowserSession, SignInToken, utc_now

__all__ = [
    "SESSION_LIFE",
    "TOKEN_LIFE",
    "add_session",
    "add_sign_in_token",
    "end_session",
    "find_session",
    "use_sign_in_token",
]

TOKEN_LIFE = timedelta(minutes=30)
SESSION_LIFE = timedelta(days=30)


def add_sign_in_token(database: ControlDatabase, token_hash: str) -> None:
    """Accept a new token once within `TOKEN_LIFE`; forget those that are over."""
    now = utc_now()
    with database.session() as session, session.begin():
        session.execute(delete(SignInToken).where(SignInToken.expires_at < now - TOKEN_LIFE))
        session.add(SignInToken(token_hash=token_hash, expires_at=now + TOKEN_LIFE))
        record(session, CONSOLE, "sign_in.offer", None)


def use_sign_in_token(database: ControlDatabase, token_hash: str) -> Literal["accepted", "over", "unknown"]:
    """Use a token up; of two uses at once only one is accepted. `over`: used before, or too old."""
    now = utc_now()
    with database.session() as session, session.begin():
        valid = (SignInToken.token_hash == token_hash, SignInToken.used_at.is_(None), SignInToken.expires_at > now)
        done = cast("CursorResult[object]", session.execute(update(SignInToken).where(*valid).values(used_at=now)))
        if done.rowcount == 1:
            return "accepted"
        return "over" if session.get(SignInToken, token_hash) is not None else "unknown"


def add_session(database: ControlDatabase, session_id: str, token_hash: str, address: str | None) -> None:
    """Store a session that begins now; forget those that are over."""
    now = utc_now()
    with database.session() as session, session.begin():
        session.execute(delete(BrowserSession).where(BrowserSession.expires_at < now))
        session.add(
            BrowserSession(id=session_id, token_hash=token_hash, expires_at=now + SESSION_LIFE, address=address)
        )
        record(session, Actor(f"session:{session_id}", address), "sign_in", session_id)


def find_session(database: ControlDatabase, token_hash: str) -> BrowserSession | None:
    """The session with this hash, unless it is over."""
    with database.session() as session:
        wanted = select(BrowserSession).where(BrowserSession.token_hash == token_hash)
        found = session.scalars(wanted.where(BrowserSession.expires_at > utc_now())).one_or_none()
    return found


def end_session(database: ControlDatabase, session_id: str, actor: Actor) -> None:
    """Delete a session, so that its cookie is worth nothing."""
    with database.session() as session, session.begin():
        session.execute(delete(BrowserSession).where(BrowserSession.id == session_id))
        record(session, actor, "sign_out", session_id)
