"""RQ: the context travels in the `meta` of a job, each try of a job is a section.

A worker imports the module of a job when it performs the job, in its work horse: where that module calls `observe()`,
the job is at work already. A work horse ends with `os._exit` (rq/worker/base.py, 3.0): what it has recorded is sent
before.
"""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

from llmobserve.capture.patching import positional_names
from llmobserve.frameworks.hooks import FrameworkHooks
from llmobserve.frameworks.tasks import KEY, OpenTask
from llmobserve.handover import export_context
from llmobserve.process_end import process_ends

__all__ = ["RqHooks"]

_OPEN = "_llmobserve_task"
_RETRIES = "retries"
"""How many retries were left at the first try; a job is saved with its `meta` when it is enqueued again."""


class RqHooks(FrameworkHooks):
    """Hooks rq."""

    library = "rq"
    distribution = "rq"

    def hook(self, module: ModuleType) -> None:
        """Hook the making of jobs and their work, or what follows it."""
        if module.__name__ == "rq.job":
            self._hook_create(module)
            self.hook_method(module, "Job.perform", self._around_perform)
            with self.guard:
                job = module.get_current_job()
                if job is not None:
                    job.__dict__[_OPEN] = self._begin(job)
        else:
            for name in ("handle_job_success", "handle_job_failure", "handle_job_retry"):
                definer = next((one for one in ("BaseWorker", "Worker") if _defines(module, one, name)), None)
                if definer is not None or name != "handle_job_retry":  # older versions have none
                    target = f"{definer or 'BaseWorker'}.{name}"
                    self.hook_method(module, target, self._around_outcome, parameters=("self", "job", "queue"))

    def _hook_create(self, module: ModuleType) -> None:
        function: Any = getattr(getattr(module.Job, "__dict__", {}).get("create"), "__func__", None)
        names = () if function is None else positional_names(function)
        is_known = names is None or names[:2] == ("cls", "func")
        if is_known:
            self.replace(module.Job, "create", self._around_create)
        self.note(module, "Job.create", None if is_known else "not as expected")

    def _around_create(self, original: Any) -> Any:
        function: Callable[..., Any] = original.__func__

        @functools.wraps(function)
        def create(cls: Any, *args: Any, **kwargs: Any) -> Any:
            job = function(cls, *args, **kwargs)
            if self.is_on:
                with self.guard:
                    data = export_context()
                    if data and KEY not in job.meta:
                        # A copy: the application may use its own dictionary for further jobs.
                        job.meta = {**job.meta, KEY: data}
            return job

        return cast("Any", classmethod(create))

    def _around_perform(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def perform(job: Any, *args: Any, **kwargs: Any) -> Any:
            task = self._begin(job)
            if task is None:
                return original(job, *args, **kwargs)
            try:
                result = original(job, *args, **kwargs)
            except BaseException as error:
                task.end(error)
                raise
            task.end()
            return result

        return perform

    def _begin(self, job: Any) -> OpenTask | None:
        if self.is_on:
            with self.guard:
                data = job.meta.get(KEY)
                return OpenTask(job.func_name, data, task_id=job.id, attempt=_attempt(job), queue=job.origin)
        return None

    def _around_outcome(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def handle(worker: Any, job: Any, *args: Any, **kwargs: Any) -> Any:
            with self.guard:
                task: OpenTask | None = job.__dict__.pop(_OPEN, None)
                if task is not None:
                    task.end(sys.exc_info()[1])
            try:
                return original(worker, job, *args, **kwargs)
            finally:
                if self.is_on:
                    with self.guard:
                        if worker.is_horse:
                            process_ends()

        return handle


def _attempt(job: Any) -> int:
    left = job.retries_left or 0
    if left:
        job.meta.setdefault(KEY, {}).setdefault(_RETRIES, left)
    began_with = job.meta.get(KEY, {}).get(_RETRIES, left)
    return max(0, int(began_with) - left) + (getattr(job, "number_of_retries", None) or 0)


def _defines(module: ModuleType, class_name: str, method: str) -> bool:
    return method in getattr(getattr(module, class_name, None), "__dict__", {})
