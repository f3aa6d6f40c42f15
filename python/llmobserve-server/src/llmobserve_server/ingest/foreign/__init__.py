"""What other tools' SDKs send in formats of their own, as the spans that the same tools write in OpenTelemetry."""
