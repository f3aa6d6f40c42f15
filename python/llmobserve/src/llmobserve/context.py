"""Where in the application the code is running: run, sections, session, user, customer, in one context variable.

The variable holds an immutable `Snapshot`; whoever changes something sets a new one and, on leaving, puts back only
what it changed. `ContextVar.reset` is never used: it fails when a generator is closed in another task.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, cast

from llmobserve.account import Account, account_of, forget_all
from llmobserve.guard import guarded, text_of
from llmobserve.open_span import Facts, Inside, Link, OpenSpan, Snapshot, SpanElsewhere, renew_numbers
from llmobserve.privacy import label, labels
from llmobserve.span_ids import trace_id_from
from llmobserve.wire import Context, SpanKind

__all__ = [
    "Facts",
    "OpenSpan",
    "Snapshot",
    "SpanElsewhere",
    "attached",
    "change",
    "changed",
    "current",
    "defaults",
    "is_outside",
    "linked",
    "suppress",
    "suppressed",
    "wire_context",
]

_NO_FACTS = Facts()
_MESSAGE_CHARACTERS = 2000
_DEEPEST = 100
"""Levels of sections below which only a span that still runs is taken for a parent."""
_END, _ERROR, _OTEL = guarded("context.end"), guarded("context.error"), guarded("context.opentelemetry")
_new_tuple = cast("Callable[[type[Snapshot], tuple[OpenSpan, Facts, Link | None]], Snapshot]", tuple.__new__)
_OUTSIDE = Snapshot(None, _NO_FACTS)
_variable: ContextVar[Snapshot] = ContextVar("llmobserve", default=_OUTSIDE)
_span_sink: Callable[[OpenSpan], None] | None = None
_defaults = _NO_FACTS
_process_run = OpenSpan("run", "", None, _NO_FACTS, None)
_opening = threading.Lock()
"""Held while the account of a run is opened."""


def current() -> Snapshot:
    """The context here and now, with the active OpenTelemetry span if the application uses OpenTelemetry."""
    snapshot = settled(_variable.get())
    if "opentelemetry.trace" in sys.modules:
        link = outer_span()
        if link is not None:
            return Snapshot(snapshot.span, snapshot.facts, link)
    return snapshot


def is_outside(snapshot: Snapshot) -> bool:
    """True where the application has said nothing and no trace is active: there is nothing to hand on."""
    return snapshot == _OUTSIDE


def wire_context(snapshot: Snapshot, span_id: str | None) -> Context:
    """The wire form of a snapshot for an event with the given span id inside it."""
    span, facts, link = snapshot
    around = process_run() if span is None else span
    inside = around.inside
    if inside is None or inside.facts is not facts or inside.defaults is not _defaults or inside.link != link:
        root = around.root
        if root.quiet and root.status == "running":  # what is recorded inside refers to it
            root.quiet = False
        inside = Inside(facts, _defaults, link, _context_inside(span, root, facts, link))
        if root.naming is None:  # else the name may be another one at the next call
            around.inside = inside
    same = inside.context
    return Context(
        run_id=same.run_id,
        run_name=same.run_name,
        session_id=same.session_id,
        user_id=same.user_id,
        customer_id=same.customer_id,
        trace_id=same.trace_id,
        span_id=span_id,
        parent_span_id=same.parent_span_id,
        section_path=same.section_path,
        tags=same.tags,
        metadata=same.metadata,
    )


def _context_inside(span: OpenSpan | None, root: OpenSpan, facts: Facts, link: Link | None) -> Context:
    trace_id = link[0] if link is not None else trace_id_of(root)
    run_id, run_name = run_of(root, facts)
    if span is not None:
        parent_span_id = span.span_id
    elif link is not None and link[1] is not None:
        parent_span_id = link[1]
    else:
        parent_span_id = None if facts.run_id is not None else root.span_id
    path = None if span is None else span.path
    return _filled(facts, run_id, run_name, trace_id, None, parent_span_id, path)


def span_context(span: OpenSpan) -> Context:
    """The wire form of the context of a span itself."""
    root = span.root
    run_id, run_name = run_of(root, span.facts)
    if span.parent is not None:
        parent_span_id = span.parent.span_id
    elif span.stands_for_run:
        parent_span_id = span.run_span_id
    else:
        parent_span_id = None if span.link is None else span.link[1]
    return _filled(span.end_facts, run_id, run_name, trace_id_of(root), span.span_id, parent_span_id, span.path)


def run_context(section: OpenSpan) -> Context:
    """The context of the run that an outermost section stands for."""
    parent_span_id = None if section.link is None else section.link[1]
    run_id, run_name = run_of(section, section.facts)
    facts = section.end_facts
    return _filled(facts, run_id, run_name, trace_id_of(section), section.run_span_id, parent_span_id, None)


def run_of(root: OpenSpan, facts: Facts) -> tuple[str, str | None]:
    """Id and name of the run that something under `root` belongs to."""
    if root.naming is not None:
        root.settle()
    if facts.run_id is not None:
        return facts.run_id, facts.run_name
    if root.kind == "run":
        return root.given_run_id or root.event_id, root.name
    return root.run_event_id, root.name


def trace_id_of(root: OpenSpan) -> str:
    """The trace: OpenTelemetry's where the run was started inside one."""
    if root.link is not None:
        return root.link[0]
    return trace_id_from(root.number)


def process_run() -> OpenSpan:
    """The run of calls that no run and no section encloses; named after the script."""
    if not _process_run.name:
        _process_run.name = os.path.basename(sys.argv[0] if sys.argv else "") or "python"  # noqa: PTH119 (pathlib is slow to import)
    return _process_run


def account_in(snapshot: Snapshot) -> Account:
    """The account of the run that a call in this snapshot belongs to."""
    span, facts, _ = snapshot
    if facts.run_id is not None:
        return account_of(facts.run_id)
    root = process_run() if span is None else span.root
    account = root.account
    if account is None:
        with _opening:
            account = root.account = root.account or Account()
    return account


def outer_span() -> tuple[str, str] | None:
    """`active_otel_span`, and nothing where OpenTelemetry cannot say."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    with _OTEL:
        return active_otel_span()
    return None


def active_otel_span() -> tuple[str, str] | None:
    """Trace and span id of the active OpenTelemetry span; `None` without one. Never imports OpenTelemetry."""
    api = sys.modules.get("opentelemetry.trace")
    # The module may be half imported, by this thread or another.
    get_current_span = getattr(api, "get_current_span", None)
    if get_current_span is None:
        return None
    active = get_current_span().get_span_context()
    if not active.is_valid:
        return None
    return f"{active.trace_id:032x}", f"{active.span_id:016x}"


def _filled(
    facts: Facts,
    run_id: str,
    run_name: str | None,
    trace_id: str,
    span_id: str | None,
    parent_span_id: str | None,
    path: str | None,
) -> Context:
    tenant_id = facts.tenant_id or _defaults.tenant_id
    # The wire has no tenant of its own: the key decides the project, the tenant is a label inside it.
    meta = facts.metadata if tenant_id is None else {**facts.metadata, "tenant_id": tenant_id}
    customer_id = facts.customer_id or _defaults.customer_id
    return Context(
        run_id=label(run_id),
        run_name=None if run_name is None else label(run_name),
        session_id=None if facts.session_id is None else label(facts.session_id),
        user_id=None if facts.user_id is None else label(facts.user_id),
        customer_id=None if customer_id is None else label(customer_id),
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_span_id,
        section_path=path,
        tags=tuple(map(label, facts.tags)) if facts.tags else (),
        metadata=labels(meta) if meta else meta,
    )


def put(snapshot: Snapshot) -> Snapshot:
    """Make `snapshot` the current context and return the one before."""
    before = _variable.get()
    _variable.set(snapshot)
    return before


def settled(now: Snapshot) -> Snapshot:
    """A context out of the sections that have ended elsewhere. What was set in them stays."""
    span = now.span
    while span is not None and span.resume is not None and span.status != "running":
        now = span.resume if now.facts is span.facts else span.resume._replace(facts=now.facts)
        span = now.span
    return now


def enter(kind: SpanKind, name: str, attributes: Mapping[str, Any] | None = None) -> tuple[OpenSpan, Snapshot]:
    """Begin a section; returns it and the snapshot to `leave` to."""
    before = settled(_variable.get())
    parent, facts, link = before
    if parent is not None and parent.depth >= _DEEPEST:
        parent = _running(parent)
    span = OpenSpan(kind, name, parent, facts, attributes)
    if parent is None:
        span.link = outer_span() or link
    elif parent.quiet:
        parent.quiet = False
    _variable.set(_new_tuple(Snapshot, (span, facts, link)))
    return span, before


def _running(span: OpenSpan | None) -> OpenSpan | None:
    """The innermost span that has not ended.

    A task that starts its successor from inside a section (a poll, a timer) would hang every turn below the one before
    it, for ever.
    """
    while span is not None and span.status != "running":
        span = span.parent
    return span


def enter_run(name: str, run_id: str | None, changes: Mapping[str, Any]) -> tuple[OpenSpan, Snapshot]:
    """Begin a run with these facts changed; returns it and the snapshot to `leave` to."""
    before = settled(_variable.get())
    facts = replace(before.facts, **changes, run_id=None, run_name=None)
    span = OpenSpan("run", name, None, facts, None)
    span.given_run_id = run_id
    if before.span is not None:
        before.span.quiet = False
        span.link = trace_id_of(before.span.root), before.span.span_id
    else:
        span.link = outer_span() or before.link
    _variable.set(Snapshot(span, facts, before.link))
    return span, before


def here() -> Snapshot:
    """The context here and now, as it was put: without what OpenTelemetry says."""
    return settled(_variable.get())


def below(
    snapshot: Snapshot, kind: SpanKind, name: str, attributes: Mapping[str, Any] | None = None
) -> tuple[OpenSpan, Snapshot]:
    """Begin a section inside `snapshot`, wherever that was taken; gives it and the context inside.

    The context here stays as it is. `end` ends the section.
    """
    parent, facts, link = snapshot
    if parent is not None and parent.depth >= _DEEPEST:
        parent = _running(parent)
    span = OpenSpan(kind, name, parent, facts, attributes)
    if parent is None:
        span.link = outer_span() or link
    elif parent.quiet:
        parent.quiet = False
    return span, Snapshot(span, facts, link)


def innermost() -> OpenSpan | None:
    """The run or section here and now."""
    return settled(_variable.get()).span


def recorded_span() -> OpenSpan | None:
    """The run or section here and now; `None` outside of all, and where nothing is recorded."""
    span, facts, _ = _variable.get()
    return None if _span_sink is None or facts.suppressed else span


def leave(span: OpenSpan, before: Snapshot, error: BaseException | tuple[str, str] | None) -> None:
    """End a span where it was entered.

    The span before becomes the innermost one again; what was set meanwhile stays until the run ends. Where `span` is
    not the innermost one, because this is another task or thread, the context is left alone.
    """
    now = settled(_variable.get())
    if now.span is span:
        if now.facts is before.facts or span.parent is None:
            _variable.set(before)
        else:
            _variable.set(Snapshot(before.span, now.facts, before.link))
    end(span, now.facts if now.span is span else span.facts, error)


def end(span: OpenSpan, facts: Facts, error: BaseException | tuple[str, str] | None) -> None:
    """Close a span and hand it to the recorder, if there is one. The context stays as it is.

    `error` is the exception, or its type and message where a library tells no more.
    """
    span.duration_ns = time.perf_counter_ns() - span.start_ns
    span.end_facts = facts
    with _END:
        if error is None:
            span.status = "ok"
        elif isinstance(error, tuple):
            span.status, span.error = "error", (error[0], error[1][:_MESSAGE_CHARACTERS])
        else:
            _fail(span, error)
        if _span_sink is not None and not facts.suppressed and (span.announced or not span.quiet):
            _span_sink(span)


def _fail(span: OpenSpan, error: BaseException) -> None:
    if isinstance(error, SystemExit):
        span.status = "ok"
    elif not isinstance(error, Exception):  # GeneratorExit, KeyboardInterrupt and the cancellations of asyncio, trio
        span.status = "cancelled"
    else:
        span.status = "error"
        with _ERROR:
            span.error = (type(error).__qualname__, text_of(error)[:_MESSAGE_CHARACTERS])


def set_span_sink(sink: Callable[[OpenSpan], None] | None) -> None:
    """Where ended spans go; `None` = nowhere."""
    global _span_sink
    _span_sink = sink


def set_defaults(*, customer_id: str | None, tenant_id: str | None) -> None:
    """What counts where the application sets no customer or tenant."""
    global _defaults
    _defaults = Facts(customer_id=customer_id, tenant_id=tenant_id)


def defaults() -> Facts:
    """What counts where the application sets no customer or tenant."""
    return _defaults


def renew_process() -> None:
    """Begin a new process run with new numbers: in a forked child, and when observation ends."""
    global _process_run
    renew_numbers()
    _process_run = OpenSpan("run", "", None, _NO_FACTS, None)


def forget_accounts() -> None:
    """In a forked child: what the parent has spent is the parent's, and no lock of its threads is waited for."""
    global _opening
    _opening = threading.Lock()
    forget_all()
    span = _variable.get().span
    if span is not None:
        span.root.account = None


def change(**changes: Any) -> None:
    """Change facts from here on, in this task or thread."""
    now = _variable.get()
    _variable.set(Snapshot(now.span, replace(now.facts, **changes), now.link))


@contextmanager
def changed(**changes: Any) -> Generator[None]:
    """Change facts for a block, and give back only what it changed."""
    before = _variable.get().facts
    after = replace(before, **changes)
    put(_variable.get()._replace(facts=after))
    try:
        yield
    finally:
        now = _variable.get()
        if now.facts is after:
            put(now._replace(facts=before))
        else:
            # Something else was set inside, or this is another task: give back only our own fields, where still ours.
            own = {key: getattr(before, key) for key, value in changes.items() if getattr(now.facts, key) is value}
            put(now._replace(facts=replace(now.facts, **own)))


@contextmanager
def attached(snapshot: Snapshot) -> Generator[None]:
    """Run the block in a context taken elsewhere (another thread, the request that started this work)."""
    before = put(snapshot)
    try:
        yield
    finally:
        put(before)


@contextmanager
def linked(link: Link | None) -> Generator[None]:
    """What happens in the block belongs to this trace, under this span; `None` = to none from outside."""
    before = put(_variable.get()._replace(link=link)).link
    try:
        yield
    finally:
        now = _variable.get()
        if now.link is link:
            put(now._replace(link=before))


@contextmanager
def suppress() -> Generator[None]:
    """Record nothing that happens in the block."""
    with changed(suppressed=True):
        yield


def suppressed() -> bool:
    """True where nothing is to be recorded."""
    return _variable.get().facts.suppressed
