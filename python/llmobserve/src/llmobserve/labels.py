"""Whom the work is for: session, user, customer, tenant, tags and metadata of what happens from here on.

As context managers for a block, as setters for the rest of the task or thread.
"""

from collections.abc import Generator
from contextlib import contextmanager

from llmobserve.context import change, changed, current, defaults, process_run, run_of
from llmobserve.guard import text_of

__all__ = [
    "customer",
    "get_customer_id",
    "get_run_id",
    "get_session_id",
    "get_tenant_id",
    "get_user_id",
    "metadata",
    "session",
    "set_customer_id",
    "set_run_id",
    "set_session_id",
    "set_tenant_id",
    "set_user_id",
    "tags",
    "user",
]


@contextmanager
def session(session_id: str) -> Generator[None]:
    """What happens in the block belongs to this session (a conversation, a visit)."""
    with changed(session_id=_text(session_id)):
        yield


@contextmanager
def user(user_id: str) -> Generator[None]:
    """What happens in the block is done for this user."""
    with changed(user_id=_text(user_id)):
        yield


@contextmanager
def customer(customer_id: str) -> Generator[None]:
    """The cost of what happens in the block is this customer's."""
    with changed(customer_id=_text(customer_id)):
        yield


@contextmanager
def tags(*names: str) -> Generator[None]:
    """Add tags to everything in the block."""
    known = current().facts.tags
    with changed(tags=(*known, *(name for name in map(text_of, names) if name not in known))):
        yield


@contextmanager
def metadata(**values: object) -> Generator[None]:
    """Add metadata to everything in the block. Values are kept as text."""
    known = current().facts.metadata
    with changed(metadata={**known, **{key: text_of(value) for key, value in values.items()}}):
        yield


def set_run_id(run_id: str | None, name: str | None = None) -> None:
    """From here on everything belongs to this run; `None` = to the run that encloses it again.

    For work whose run id is known from elsewhere (a job id). Like all setters it holds in this task or thread, until
    changed or until the `run()` or outermost section around it ends.
    """
    change(run_id=_text(run_id), run_name=_text(name))


def set_session_id(session_id: str | None) -> None:
    """Set the session from here on, in this task or thread."""
    change(session_id=_text(session_id))


def set_user_id(user_id: str | None) -> None:
    """Set the user from here on, in this task or thread."""
    change(user_id=_text(user_id))


def set_customer_id(customer_id: str | None) -> None:
    """Set the customer from here on, in this task or thread."""
    change(customer_id=_text(customer_id))


def set_tenant_id(tenant_id: str | None) -> None:
    """Set the tenant from here on, in this task or thread."""
    change(tenant_id=_text(tenant_id))


def get_run_id() -> str:
    """Id of the current run; the process run where none was started."""
    now = current()
    return run_of(process_run() if now.span is None else now.span.root, now.facts)[0]


def get_session_id() -> str | None:
    """The current session."""
    return current().facts.session_id


def get_user_id() -> str | None:
    """The current user."""
    return current().facts.user_id


def get_customer_id() -> str | None:
    """The current customer: as set here, else as given to `observe()`."""
    return current().facts.customer_id or defaults().customer_id


def get_tenant_id() -> str | None:
    """The current tenant: as set here, else as given to `observe()`."""
    return current().facts.tenant_id or defaults().tenant_id


def _text(value: object) -> str | None:
    return None if value is None else text_of(value)
