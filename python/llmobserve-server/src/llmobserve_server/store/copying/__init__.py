"""Whole stores to other places: from engine to engine, into a folder of Parquet files and back, each with its proof."""
