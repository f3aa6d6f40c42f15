"""Runs the migrations on the connection that `control.database` hands over."""

from alembic import context
from sqlalchemy import Connection

from llmobserve_server.control.models import Base

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
