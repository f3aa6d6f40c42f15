"""A directory of Parquet files by day, with a journal of what arrived lately."""
