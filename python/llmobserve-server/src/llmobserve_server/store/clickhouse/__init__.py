"""ClickHouse: a server or cluster by its HTTP interface, or chDB, the same engine inside of this process."""
