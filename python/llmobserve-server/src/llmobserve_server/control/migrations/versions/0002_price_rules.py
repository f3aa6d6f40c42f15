"""Price rules: what a project pays where that is not what the price book says."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "price_rules",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("project_id", sa.String(255), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("kind", sa.String(255), nullable=False),
        sa.Column("provider", sa.String(255)),
        sa.Column("model", sa.String(255)),
        sa.Column("to_provider", sa.String(255)),
        sa.Column("to_model", sa.String(255)),
        sa.Column("rates", sa.JSON(), nullable=False),
        sa.Column("dimensions", sa.JSON(), nullable=False),
        sa.Column("above_input_tokens", sa.BigInteger()),
        sa.Column("percent", sa.String(255)),
        sa.Column("units", sa.JSON(none_as_null=True)),
        sa.Column("valid_from", sa.DateTime(), nullable=False),
        sa.Column("valid_to", sa.DateTime()),
        sa.Column("stops_at", sa.DateTime()),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("replaces", sa.String(255), sa.ForeignKey("price_rules.id")),
        sa.Column("created_by", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("ended_by", sa.String(255)),
        sa.Column("ended_at", sa.DateTime()),
    )
    op.create_index("ix_price_rules_project_id", "price_rules", ["project_id"])
