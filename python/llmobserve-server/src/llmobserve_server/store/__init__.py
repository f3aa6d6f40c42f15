"""Where events rest: the tables, the protocol of an engine, and the engines."""
