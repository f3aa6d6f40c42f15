"""Adds, ends and lists the price rules of projects. A change ends one row and adds another; nothing is overwritten."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.orm import Session

from llmobserve.wire.ids import new_event_id
from llmobserve_server.control.audit import Actor, record
from llmobserve_server.control.database import ControlDatabase
from llmobserve_server.control.models import PriceRule, Project
from llmobserve_server.errors import BadRequest, Conflict, NotFound

__all__ = ["MAX_RULES", "add_rule", "end_of", "end_rule", "get_rule", "list_rules", "refuse_over", "replace_rule"]

MAX_RULES = 2000
"""Rules a project may have in all, ended ones included: every one is looked at when a model is first priced."""


def list_rules(database: ControlDatabase, project_id: str) -> list[PriceRule]:
    """All rules of a project, ended ones included, newest first."""
    with database.session() as session:
        wanted = select(PriceRule).where(PriceRule.project_id == project_id)
        return list(session.scalars(wanted.order_by(PriceRule.created_at.desc(), PriceRule.id.desc())))


def get_rule(database: ControlDatabase, project_id: str, rule_id: str) -> PriceRule:
    """One rule of a project. Raises NotFound."""
    with database.session() as session:
        return _get(session, project_id, rule_id)


def add_rule(database: ControlDatabase, rule: PriceRule, actor: Actor) -> PriceRule:
    """Store a new rule under a new id.

    Raises:
        NotFound: there is no such project.
        Conflict: a rule about the same is in force at the same time; the message names it.
        BadRequest: the project has too many rules.
    """
    with database.session() as session, session.begin():
        _lock(session, rule.project_id)
        _add(session, rule, actor, "price_rule.create")
    return rule


def end_rule(database: ControlDatabase, project_id: str, rule_id: str, at: datetime, actor: Actor) -> PriceRule:
    """The rule, without effect on calls that start at `at` or later.

    `at` before the beginning of the rule takes it out of force altogether. Ending it again may move its end to an
    earlier time, not to a later one.

    Raises:
        NotFound: the project has no such rule.
        Conflict: it is over by then anyway.
    """
    with database.session() as session, session.begin():
        _lock(session, project_id)
        rule = _get(session, project_id, rule_id)
        _end(rule, at, actor)
        detail = {"stops_at": _text(rule.stops_at), "rule": _facts(rule)}
        record(session, actor, "price_rule.end", rule.id, project_id=project_id, detail=detail)
    return rule


def replace_rule(database: ControlDatabase, rule_id: str, new: PriceRule, actor: Actor) -> PriceRule:
    """End the rule where `new` begins, and store `new` in its place, both or none. Raises as `add_rule`, `end_rule`."""
    with database.session() as session, session.begin():
        _lock(session, new.project_id)
        old = _get(session, new.project_id, rule_id)
        _end(old, new.valid_from, actor)
        session.flush()
        new.replaces = old.id
        _add(session, new, actor, "price_rule.change", before=_facts(old))
    return new


def end_of(rule: PriceRule) -> datetime | None:
    """From when on the rule has no effect: its planned end or the one it was given, whichever is earlier."""
    ends = [end for end in (rule.valid_to, rule.stops_at) if end is not None]
    return max(min(ends), rule.valid_from) if ends else None


def _lock(session: Session, project_id: str) -> None:
    """Let no other transaction add rules to the project until this one ends: an update takes the write lock at once."""
    touched = update(Project).where(Project.id == project_id).values(name=Project.name)
    if cast("CursorResult[object]", session.execute(touched)).rowcount != 1:
        raise NotFound(f"There is no project {project_id!r}.")


def _get(session: Session, project_id: str, rule_id: str) -> PriceRule:
    rule = session.get(PriceRule, rule_id)
    if rule is None or rule.project_id != project_id:
        raise NotFound(f"There is no price rule {rule_id[:80]!r} in this project.")
    return rule


def _add(session: Session, rule: PriceRule, actor: Actor, action: str, before: dict[str, Any] | None = None) -> None:
    mine = PriceRule.project_id == rule.project_id
    if (session.scalar(select(func.count()).select_from(PriceRule).where(mine)) or 0) >= MAX_RULES:
        raise BadRequest(f"A project has at most {MAX_RULES} price rules. Write one for a provider, not one a model.")
    _refuse_overlap(session.scalars(select(PriceRule).where(mine, PriceRule.kind.in_(_rivals(rule.kind)))).all(), rule)
    rule.id = new_event_id()
    rule.created_by = actor.name
    session.add(rule)
    detail = {"rule": _facts(rule)} | ({"before": before} if before else {})
    record(session, actor, action, rule.id, project_id=rule.project_id, detail=detail)


def refuse_over(rule: PriceRule, at: datetime) -> None:
    """Raise Conflict when the rule has no effect at `at` or later anyway."""
    over = end_of(rule)
    if over is not None and over <= at:
        raise Conflict(
            f"Rule {rule.id} has no effect from {_text(over)} on. To price calls after that, make a new rule.",
            field="at",
        )


def _end(rule: PriceRule, at: datetime, actor: Actor) -> None:
    refuse_over(rule, at)
    rule.stops_at = max(at, rule.valid_from)
    rule.ended_at = datetime.now(UTC)
    rule.ended_by = actor.name


def _rivals(kind: str) -> tuple[str, ...]:
    """Kinds of which only one can be right about the same model at the same time."""
    return ("override", "free") if kind in ("override", "free") else (kind,)


def _refuse_overlap(rules: Sequence[PriceRule], new: PriceRule) -> None:
    for rule in rules:
        if _is_about_the_same(rule, new) and _meet(rule, new):
            over = end_of(rule)
            until = f"until {_text(over)}" if over else "until further notice"
            raise Conflict(
                f"Rule {rule.id} ({rule.kind}) says something about the same from {_text(rule.valid_from)} {until}. "
                "End or change that rule, or give dates that do not meet its own.",
                field="valid_from",
            )


def _is_about_the_same(one: PriceRule, other: PriceRule) -> bool:
    """Whether neither of two rules is more special than the other: then nothing says which of them holds."""
    if _target(one) != _target(other):
        return False
    if one.kind != other.kind or one.kind in ("mapping", "free"):
        return True
    if one.kind == "discount":
        if one.units is None or other.units is None:
            return one.units is other.units
        return not set(one.units).isdisjoint(other.units)
    same_units = not {rate["unit"] for rate in one.rates}.isdisjoint(rate["unit"] for rate in other.rates)
    return same_units and one.above_input_tokens == other.above_input_tokens and _are_equally_special(one, other)


def _are_equally_special(one: PriceRule, other: PriceRule) -> bool:
    """Whether there are calls that meet the conditions of both, and neither has more of them."""
    shared = one.dimensions.keys() & other.dimensions.keys()
    return len(one.dimensions) == len(other.dimensions) and all(
        one.dimensions[key] == other.dimensions[key] for key in shared
    )


def _target(rule: PriceRule) -> tuple[str | None, str | None]:
    return rule.provider, None if rule.model is None else rule.model.lower()


def _meet(one: PriceRule, other: PriceRule) -> bool:
    return _starts_before_end(one, other) and _starts_before_end(other, one)


def _starts_before_end(one: PriceRule, other: PriceRule) -> bool:
    end = end_of(other)
    # A rule that was taken back has an empty time, which meets none.
    return end is None or (one.valid_from < end and other.valid_from < end)


def _facts(rule: PriceRule) -> dict[str, Any]:
    """What the rule says, for the audit record."""
    facts: dict[str, Any] = {
        name: getattr(rule, name)
        for name in ("kind", "provider", "model", "to_provider", "to_model", "percent", "units", "above_input_tokens")
    }
    facts |= {"rates": rule.rates, "dimensions": rule.dimensions, "note": rule.note}
    facts |= {"valid_from": _text(rule.valid_from), "valid_to": _text(rule.valid_to)}
    return {name: value for name, value in facts.items() if value not in (None, [], {}, "")}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
