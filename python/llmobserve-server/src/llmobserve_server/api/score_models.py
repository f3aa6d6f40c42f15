"""A score as it is sent from outside."""

from decimal import Decimal
from math import isfinite
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from llmobserve.wire import ScoreRecord, ScoreTarget, ScoreType, new_event_id, now_us
from llmobserve_server.errors import BadRequest

__all__ = ["NewScore"]

_Id = Annotated[str, Field(min_length=1, max_length=512)]


class NewScore(BaseModel):
    """A judgement of one run, session or event: exactly one of the three ids is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Id
    value: StrictBool | StrictInt | StrictFloat | StrictStr
    """A number, true or false, or the name of a category. A number as text is exact, with `data_type` numeric."""
    run_id: _Id | None = None
    session_id: _Id | None = None
    event_id: _Id | None = None
    data_type: ScoreType | None = None
    """`None`: as the type of the value says."""
    comment: str | None = None
    source: str = "application"
    """Who judged: `application`, `user`, `annotator`, `evaluator`, or a name."""
    score_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Id of the score itself, so that it may be sent again; made here when there is none."""

    def as_record(self) -> ScoreRecord:
        """The record, said now. Raises BadRequest for no target or several, and a value that is not of its type."""
        target_type, target_id = self._target()
        kind = self.data_type or _type_of(self.value)
        is_category = kind == "categorical"
        return ScoreRecord(
            event_id=self.score_id or new_event_id(),
            target_type=target_type,
            target_id=target_id,
            name=self.name,
            data_type=kind,
            value=None if is_category else _number(self.value),
            label=str(self.value) if is_category else None,
            comment=self.comment,
            source=self.source or "application",
            at_us=now_us(),
        )

    def _target(self) -> tuple[ScoreTarget, str]:
        given: list[tuple[ScoreTarget, str | None]] = [
            ("event", self.event_id),
            ("run", self.run_id),
            ("session", self.session_id),
        ]
        found: list[tuple[ScoreTarget, str]] = [(kind, named) for kind, named in given if named is not None]
        if len(found) != 1:
            raise BadRequest("Give one of run_id, session_id and event_id.", field="run_id")
        return found[0]


def _type_of(value: object) -> ScoreType:
    if isinstance(value, bool):
        return "boolean"
    return "categorical" if isinstance(value, str) else "numeric"


def _number(value: bool | float | str) -> Decimal:
    try:
        number = Decimal(int(value)) if isinstance(value, bool) else Decimal(str(value))
    except ArithmeticError:
        number = Decimal("NaN")
    if not isfinite(number):
        raise BadRequest(f"{str(value)[:40]!r} is no number.", field="value")
    return number
