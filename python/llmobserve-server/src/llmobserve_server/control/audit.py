"""Adds to the record of who did what."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from llmobserve_server.control.models import AuditEntry

__all__ = ["CONSOLE", "Actor", "record"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from which address."""

    name: str
    """`session:<id>`, `key:<id>` or `console`."""
    address: str | None = None


CONSOLE = Actor("console")
"""The person who started the server and reads its output."""


def record(
    session: Session,
    actor: Actor,
    action: str,
    object_id: str | None,
    *,
    project_id: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Add an entry to the transaction of `session`, so that act and entry are stored together or not at all."""
    session.add(
        AuditEntry(
            actor=actor.name,
            action=action,
            object_id=object_id,
            project_id=project_id,
            address=actor.address,
            detail=detail,
        )
    )
