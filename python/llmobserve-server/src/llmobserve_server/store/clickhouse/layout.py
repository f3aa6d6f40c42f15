"""Names and engines of the tables on one server and on a cluster: what the templates of the DDL are filled with.

On a cluster each shard holds the projects that fall to it, in `TABLE_local`, replicated; `TABLE` is the view of all
shards. A project is on one shard, so that what belongs together (a row and its versions, a run, the records of one
call) is read and joined where it lies.
"""

from dataclasses import dataclass

from llmobserve_server.store.tables import metadata

__all__ = ["Layout"]

_SETTINGS = (
    "fsync_after_insert = 1",
    "fsync_part_directory = 1",
    # As many insertions are remembered by their token.
    "non_replicated_deduplication_window = 1000",
    # What is a day old becomes one part a month, in which no row has two versions: it is read without looking for them.
    "min_age_to_force_merge_seconds = 86400",
    "min_age_to_force_merge_on_partition_only = 1",
)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the tables of a store lie."""

    cluster: str | None = None

    @property
    def on_cluster(self) -> str:
        """The clause that makes DDL run on every server; empty for a single one."""
        return f"ON CLUSTER `{self.cluster}`" if self.cluster else ""

    def rows_of(self, table: str) -> str:
        """Name of the table that holds the rows of `table` on each server."""
        return f"{table}_local" if self.cluster else table

    def fill(self, template: str) -> str:
        """DDL of a migration, for this layout."""
        path = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
        # One table that is the same on all servers: its path names no shard, and each server is a replica.
        shared = "'/clickhouse/tables/{database}/{table}', '{shard}-{replica}'"
        replicated = "Replicated" if self.cluster else ""
        first = f"{path}, " if self.cluster else ""
        return template.format(
            **{name: self.rows_of(name) for name in metadata.tables},
            on_cluster=self.on_cluster,
            by_version=f"{replicated}ReplacingMergeTree({first}version)",
            by_time=f"{replicated}ReplacingMergeTree({first}written_us)",
            plain=f"{replicated}MergeTree({path if self.cluster else ''})",
            shared=f"{replicated}MergeTree({shared if self.cluster else ''})",
            settings=f"SETTINGS {', '.join(_SETTINGS)}",
        )

    def views(self) -> list[str]:
        """DDL of the tables that speak for all shards; none for a single server."""
        if self.cluster is None:
            return []
        return [
            f"CREATE OR REPLACE TABLE {name} {self.on_cluster} AS {self.rows_of(name)} "
            f"ENGINE = Distributed(`{self.cluster}`, currentDatabase(), {self.rows_of(name)}, cityHash64(project_id))"
            for name in metadata.tables
        ]
