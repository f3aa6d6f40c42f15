"""OpenTelemetry as an entrance of the collector: messages of any encoding, read by dialects, as our own records."""
