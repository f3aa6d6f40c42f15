"""Arq: the context travels in the serialised job, each try of a job is a section.

A worker reads only the fields that it knows (arq/jobs.py, 0.28): one without us passes ours over.
"""

import functools
import pickle  # arq's own default; it is loaded with arq
from collections.abc import Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from llmobserve.capture.patching import positional_names
from llmobserve.context import put
from llmobserve.frameworks.hooks import FrameworkHooks
from llmobserve.frameworks.tasks import KEY, OpenTask
from llmobserve.handover import export_context, imported

__all__ = ["ArqHooks"]

_in_worker: ContextVar[bool] = ContextVar("llmobserve_arq", default=False)
"""True in the task in which a worker runs a job."""
_SERIALIZE = ("function_name", "args", "kwargs", "job_try", "enqueue_time_ms")


class ArqHooks(FrameworkHooks):
    """Hooks arq."""

    library = "arq"
    distribution = "arq"

    def hook(self, module: ModuleType) -> None:
        """Hook the writing of jobs, or their reading and their coroutines."""
        if module.__name__ == "arq.connections":
            self._hook_function(module, "serialize_job", _SERIALIZE, self._around_serialize)
        else:
            self._hook_function(module, "deserialize_job_raw", ("r",), self._around_deserialize)
            for class_name in ("Function", "CronJob"):
                self._hook_coroutine(module, class_name)

    def _hook_function(
        self, module: Any, name: str, parameters: tuple[str, ...], make_wrapper: Callable[[Any], Any]
    ) -> None:
        function = module.__dict__.get(name)
        names = positional_names(function) if callable(function) else ()
        is_known = names is None or names[: len(parameters)] == parameters
        if is_known:
            self.replace(module, name, make_wrapper)
        self.note(module, name, None if is_known else "not as expected")

    def _hook_coroutine(self, module: ModuleType, class_name: str) -> None:
        owner: Any = getattr(module, class_name, None)
        fields = getattr(owner, "__dataclass_fields__", {})
        is_known = "coroutine" in fields and not hasattr(owner, "coroutine") and not hasattr(owner, "__slots__")
        if is_known:
            self.add(owner, "coroutine", property(self._coroutine_of, _set_coroutine))
        self.note(module, f"{class_name}.coroutine", None if is_known else "not as expected")

    def _around_serialize(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def serialize_job(*args: Any, serializer: Any = None, **kwargs: Any) -> Any:
            data = export_context() if self.is_on else {}
            if not data:
                return original(*args, serializer=serializer, **kwargs)

            def with_context(job: dict[str, Any]) -> Any:
                plain = (serializer or pickle.dumps)(job)  # the application's errors are not ours
                with self.guard:
                    return (serializer or pickle.dumps)({**job, KEY: data})
                return plain

            return original(*args, serializer=with_context, **kwargs)

        return serialize_job

    def _around_deserialize(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def deserialize_job_raw(*args: Any, deserializer: Any = None, **kwargs: Any) -> Any:
            if not self.is_on:
                return original(*args, deserializer=deserializer, **kwargs)
            arrived: list[Any] = []

            def read(raw: Any) -> Any:
                job = (deserializer or pickle.loads)(raw)
                arrived.append(job)
                return job

            result: Any = original(*args, deserializer=read, **kwargs)
            with self.guard:
                # Each job has a task of its own, which ends with it: nothing has to be taken back.
                _in_worker.set(True)
                snapshot = imported(arrived[0].get(KEY))
                if snapshot is not None:
                    put(snapshot)
            return result

        return deserialize_job_raw

    def _coroutine_of(self, function: Any) -> Any:
        """What a worker calls; everybody else sees the application's own."""
        own: Callable[..., Any] = function.__dict__["coroutine"]
        if not self.is_on or not _in_worker.get():
            return own

        @functools.wraps(own)
        async def coroutine(ctx: Any, *args: Any, **kwargs: Any) -> Any:
            _in_worker.set(False)
            task: OpenTask | None = None
            with self.guard:
                attempt = ctx["job_try"] - 1
                task = OpenTask(function.name, None, task_id=ctx["job_id"], attempt=attempt, queue=None)
            try:
                result = await own(ctx, *args, **kwargs)
            except BaseException as error:
                if task is not None:
                    task.end(error)
                raise
            if task is not None:
                task.end()
            return result

        return coroutine


def _set_coroutine(function: Any, value: Any) -> None:
    function.__dict__["coroutine"] = value
