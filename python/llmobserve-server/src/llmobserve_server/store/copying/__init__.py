"""Whole stores to other places: from engine to engine, into a folder of Parquet files and back, each with its proof."""

from llmobserve_server.store.copying.copy import Copied, Progress, copy_table, copy_tables
from llmobserve_server.store.copying.figures import TableSums, differences, sums_of
from llmobserve_server.store.copying.folder import FolderExport, FolderSource
from llmobserve_server.store.copying.source import Source, StoreSource

__all__ = [
    "Copied",
    "FolderExport",
    "FolderSource",
    "Progress",
    "Source",
    "StoreSource",
    "TableSums",
    "copy_table",
    "copy_tables",
    "differences",
    "sums_of",
]
