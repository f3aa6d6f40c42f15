"""How each instrumentation of the field writes down a call: one file each."""
