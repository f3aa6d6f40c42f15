"""Creates, names and lists projects."""

import re

from sqlalchemy import select

from llmobserve_server.control.audit import Actor, record
from llmobserve_server.control.database import DEFAULT_ORGANISATION, ControlDatabase
from llmobserve_server.control.models import Project
from llmobserve_server.errors import BadRequest, NotFound

__all__ = ["create_project", "list_projects", "project_exists", "rename_project"]

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def list_projects(database: ControlDatabase) -> list[Project]:
    """All projects, oldest first."""
    with database.session() as session:
        return list(session.scalars(select(Project).order_by(Project.created_at, Project.id)))


def project_exists(database: ControlDatabase, project_id: str) -> bool:
    """Whether there is a project of this id."""
    with database.session() as session:
        return session.get(Project, project_id) is not None


def create_project(database: ControlDatabase, name: str, project_id: str | None, actor: Actor) -> Project:
    """A new project; its id is made from the name where `project_id` is `None`.

    Raises:
        BadRequest: the name is empty, or the id is taken or not usable.
    """
    name = _usable_name(name)
    wanted = project_id if project_id is not None else re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63]
    if not _ID.fullmatch(wanted):
        raise BadRequest(
            "A project's id has 1 to 63 of a-z, 0-9, - and _ and begins with a letter or figure. Give another `id`.",
            field="id",
        )
    with database.session() as session, session.begin():
        if session.get(Project, wanted) is not None:
            raise BadRequest(f"There is a project {wanted!r} already. Give another `id`.", field="id")
        project = Project(id=wanted, organisation_id=DEFAULT_ORGANISATION, name=name)
        session.add(project)
        record(session, actor, "project.create", wanted, project_id=wanted, detail={"name": name})
    return project


def rename_project(database: ControlDatabase, project_id: str, name: str, actor: Actor) -> Project:
    """The project under its new name. Raises NotFound, BadRequest for an empty name."""
    name = _usable_name(name)
    with database.session() as session, session.begin():
        project = session.get(Project, project_id)
        if project is None:
            raise NotFound(f"There is no project {project_id!r}.")
        record(session, actor, "project.rename", project_id, project_id=project_id, detail={"name": name})
        project.name = name
    return project


def _usable_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 100:
        raise BadRequest("A name has 1 to 100 characters.", field="name")
    return name
