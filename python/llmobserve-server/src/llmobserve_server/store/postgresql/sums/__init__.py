"""Sums of events by hour and day, from which questions about long windows are answered (docs/decisions)."""
