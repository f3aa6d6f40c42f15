"""Starts, watches and resumes re-pricings: one at a time in a project, each in a thread of its own."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from llmobserve.pricing import PriceBook
from llmobserve.wire import CallEvent, Cost, new_event_id
from llmobserve_server.control.audit import Actor, record
from llmobserve_server.control.database import ControlDatabase
from llmobserve_server.control.models import AuditEntry
from llmobserve_server.errors import Conflict, NotFound, ServerError
from llmobserve_server.jobs.reprice.calls import ChunkReader
from llmobserve_server.jobs.reprice.log import Order, RepriceLog, Told, read_log, unfinished
from llmobserve_server.jobs.reprice.run import CHUNK_CALLS, Progress, Stopped, run_repricing
from llmobserve_server.pricing import Books, ProjectRules, price_by
from llmobserve_server.query.reprice_report import MAX_ROWS, Differences, RepriceFilter, RepriceJob, RepriceRow, Status
from llmobserve_server.store.protocol import Store

__all__ = ["Repricings"]

_REMEMBERED = 50
_logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Job:
    order: Order
    dry_run: bool
    progress: Progress
    log: RepriceLog | None
    status: Status = "running"
    error: str | None = None
    finished_at: datetime | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set to end it after the chunk it is at."""
    stopped_by: Actor | None = None
    """Who wants it to end for good; `None` when the process ends and it goes on later."""
    ended: threading.Event = field(default_factory=threading.Event)


class Repricings:
    """The re-pricings of one server. Thread-safe.

    Args:
        store: where the calls are.
        control: gets the audit entries.
        books: gives the price book; a job keeps the one that it began with.
        rules: rules of the projects.
        idle_share: rest after each chunk, as a part of the time that it took.
    """

    def __init__(
        self, store: Store, control: ControlDatabase, books: Books, rules: ProjectRules, *, idle_share: float = 1.0
    ) -> None:
        self._store = store
        self._control = control
        self._books = books
        self._rules = rules
        self._idle_share = idle_share
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}
        self._threads: list[threading.Thread] = []

    def start(self, project_id: str, wanted: RepriceFilter, actor: Actor, *, dry_run: bool) -> RepriceJob:
        """Begin to price the calls of a project again; returns at once. Blocks on the store for a moment.

        Raises:
            Conflict: a re-pricing of this project runs.
            StoreError: the order could not be written.
        """
        book = self._books.current
        order = Order(
            project_id=project_id,
            job_id=new_event_id(),
            created_at=datetime.now(UTC),
            actor=actor.name,
            address=actor.address,
            wanted=wanted,
            price_book=book.version,
        )
        job = _Job(order, dry_run, Progress(), None if dry_run else RepriceLog(self._store, order))
        with self._lock:
            running = next((one for one in self._jobs.values() if _runs_in(one, project_id)), None)
            if running is not None:
                raise Conflict(
                    f"The re-pricing {running.order.job_id} of this project runs. Wait for its end, or end it."
                )
            self._remember(job)
        try:
            job.progress.found = self._reader(order).find().calls
            if job.log is not None:
                job.log.begin(job.progress.found)
                self._audit(order, "reprice.begin", None)
        except BaseException:
            with self._lock:
                del self._jobs[order.job_id]
            raise
        self._run(job, book)
        return _answer(job)

    def get(self, project_id: str, job_id: str) -> RepriceJob:
        """How far a job of the project is, or what it did. Raises NotFound, StoreError."""
        with self._lock:
            job = self._jobs.get(job_id)
        if job is not None and job.order.project_id == project_id:
            return _answer(job)
        told = read_log(self._store, project_id, job_id)
        if told is None:
            raise NotFound(
                f"There is no re-pricing {job_id[:80]!r} in this project. Dry runs are forgotten when the server ends."
            )
        return _answer(_of_log(told))

    def cancel(self, project_id: str, job_id: str, actor: Actor) -> RepriceJob:
        """End a job of the project that runs, after the chunk it is at; what it has applied stays.

        Changes nothing when it has ended. Raises NotFound, StoreError.
        """
        with self._lock:
            job = self._jobs.get(job_id)
        if job is not None and _runs_in(job, project_id):
            job.stopped_by = actor
            job.stopping.set()
            job.ended.wait()
        return self.get(project_id, job_id)

    def wait(self, job_id: str, timeout_s: float | None = None) -> bool:
        """Wait until a job that this process runs has ended; False when it has not within the time."""
        with self._lock:
            job = self._jobs.get(job_id)
        return job is None or job.ended.wait(timeout_s)

    def resume(self) -> None:
        """Go on with what the end of an earlier process has left; what a later one has overtaken is closed."""
        try:
            left = unfinished(self._store)
            newest = {told.order.project_id: told for told in left}
            for told in left:
                self._go_on(told, newest[told.order.project_id] is told)
        except ServerError as error:
            _logger.error("re-pricings that were not finished cannot go on: %s", error.message)

    def settle(self) -> None:
        """Wait until no job of this process runs."""
        for thread in self._threads:
            thread.join()

    def stop(self) -> None:
        """End all jobs after the chunk they are at. Applied ones go on at the next start. Blocks; idempotent."""
        with self._lock:
            for job in self._jobs.values():
                job.stopping.set()
        self.settle()

    def _go_on(self, told: Told, is_newest: bool) -> None:
        log = RepriceLog(self._store, told.order, told)
        book = self._books.named(told.order.price_book) if is_newest else None
        if book is None:
            why = f"the price book {told.order.price_book} is gone" if is_newest else "a later re-pricing was begun"
            log.finish(Differences(), f"It was interrupted and cannot go on: {why}. Start another one.")
            return
        done = sum(group.calls for group in told.differences.groups.values())
        job = _Job(told.order, False, Progress(told.found, done, told.differences), log)
        with self._lock:
            self._remember(job)
        _logger.info("re-pricing %s goes on after %d calls", told.order.job_id, done)
        self._run(job, book)

    def _remember(self, job: _Job) -> None:
        over = [key for key, one in self._jobs.items() if one.status != "running"]
        for key in over[: max(0, len(self._jobs) - _REMEMBERED)]:
            del self._jobs[key]
        self._jobs[job.order.job_id] = job

    def _reader(self, order: Order) -> ChunkReader:
        overlay = self._rules.of(order.project_id)
        has_own_rates = overlay is not None and any(rule.kind == "override" for rule in overlay.rules)
        return ChunkReader(self._store, order.project_id, order.wanted, CHUNK_CALLS, with_reported=has_own_rates)

    def _run(self, job: _Job, book: PriceBook) -> None:
        name = f"llmobserve-reprice-{job.order.project_id}"
        thread = threading.Thread(target=self._work, args=(job, book), name=name, daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()

    def _work(self, job: _Job, book: PriceBook) -> None:
        try:
            unlogged = run_repricing(
                self._reader(job.order),
                self._pricer(book, job.order.project_id),
                job.progress,
                job.log,
                stopping=job.stopping,
                idle_share=self._idle_share,
            )
            if job.log is not None:
                self._audit(job.order, "reprice.apply", job.progress.differences.total())
                job.log.finish(unlogged)
            _end(job, "done")
        except Stopped:
            self._stopped(job)
        except ServerError as error:
            _end(job, "failed", error.message)
        except Exception as error:  # outermost handler of the thread: who asked gets the error
            _logger.exception("re-pricing %s failed", job.order.job_id)
            _end(job, "failed", f"It failed: {type(error).__name__}. The log of the server has the reason.")

    def _stopped(self, job: _Job) -> None:
        if job.stopped_by is None:
            job.ended.set()
            return
        said = "It was stopped. What it had applied stays; asking again does the rest."
        try:
            if job.log is not None:
                self._audit(job.order, "reprice.stop", job.progress.differences.total(), job.stopped_by)
                job.log.finish(Differences(), said)
        except (ServerError, SQLAlchemyError) as error:
            _logger.error("that re-pricing %s was stopped is not noted: %s", job.order.job_id, error)
        _end(job, "failed", said)

    def _pricer(self, book: PriceBook, project_id: str) -> Callable[[CallEvent], Cost]:
        overlay = self._rules.of(project_id)
        return lambda event: price_by(book, event, overlay)

    def _audit(self, order: Order, action: str, total: RepriceRow | None, by: Actor | None = None) -> None:
        detail = {"filter": order.wanted.model_dump(mode="json", exclude_none=True), "price_book": order.price_book}
        if total is not None:
            detail["total"] = total.model_dump(mode="json", exclude={"provider", "model", "month"})
        with self._control.session() as session, session.begin():
            # After a crash between this and the end of the log the job ends a second time.
            same = select(AuditEntry.id).where(AuditEntry.action == action, AuditEntry.object_id == order.job_id)
            if session.scalars(same).first() is None:
                who = by or Actor(order.actor, order.address)
                record(session, who, action, order.job_id, project_id=order.project_id, detail=detail)


def _end(job: _Job, status: Status, error: str | None = None) -> None:
    # The status last: who sees it finds the rest.
    job.error, job.finished_at = error, datetime.now(UTC)
    job.status = status
    job.ended.set()


def _runs_in(job: _Job, project_id: str) -> bool:
    return job.status == "running" and job.order.project_id == project_id


def _of_log(told: Told) -> _Job:
    """A job that this process does not run."""
    done = sum(group.calls for group in told.differences.groups.values())
    job = _Job(told.order, False, Progress(told.found, done, told.differences), None)
    job.finished_at, job.error = told.finished_at, told.error
    job.status = "failed" if told.error is not None else "done" if told.finished_at is not None else "running"
    return job


def _answer(job: _Job) -> RepriceJob:
    order, progress = job.order, job.progress
    differences = Differences().with_also(progress.differences) if job.status != "running" else Differences()
    rows = differences.rows()
    return RepriceJob(
        id=order.job_id,
        project_id=order.project_id,
        dry_run=job.dry_run,
        status=job.status,
        error=job.error,
        created_at=order.created_at,
        finished_at=job.finished_at,
        actor=order.actor,
        filter=order.wanted,
        price_book=order.price_book,
        calls_found=progress.found,
        calls_done=progress.done,
        rows=rows[:MAX_ROWS],
        truncated=len(rows) > MAX_ROWS,
        total=differences.total(),
    )
