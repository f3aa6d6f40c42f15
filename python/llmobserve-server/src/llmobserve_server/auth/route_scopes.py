"""The credential that every route needs, declared once; a route that is not here fails the tests."""

from collections.abc import Mapping
from typing import Literal

__all__ = ["ROUTE_SCOPES", "Need"]

Need = Literal["open", "ingest", "monitor", "read", "admin", "owner"]
"""`open`: none. `ingest`: a key that may send, or a program on this machine in local mode. `monitor`: a reader, or a
program on this machine in local mode. `read`: a key that may read, or a signed-in browser. `admin`: a key with all
rights on its project, or a signed-in browser. `owner`: a signed-in browser only."""

ROUTE_SCOPES: Mapping[tuple[str, str], Need] = {
    ("GET", "/health"): "open",
    ("GET", "/ready"): "open",
    ("GET", "/metrics"): "monitor",
    ("POST", "/v1/events"): "ingest",
    ("POST", "/events"): "ingest",
    **{
        ("POST", f"{base}/v1/{signal}"): "ingest"
        for base in ("", "/api/public/otel", "/api/v1/private/otel", "/otel", "/api/otlp")
        for signal in ("traces", "logs", "metrics")
    },
    ("POST", "/api/public/scores"): "ingest",
    ("POST", "/api/public/ingestion"): "ingest",
    ("GET", "/api/public/projects"): "ingest",
    ("GET", "/info"): "open",
    ("POST", "/runs/multipart"): "ingest",
    ("POST", "/runs/batch"): "ingest",
    ("POST", "/runs"): "ingest",
    ("PATCH", "/runs/{run_id}"): "ingest",
    ("POST", "/feedback"): "ingest",
    ("POST", "/v1/litellm"): "ingest",
    ("GET", "/sign-in"): "open",
    ("POST", "/api/v1/session"): "open",
    ("DELETE", "/api/v1/session"): "owner",
    ("GET", "/api/v1/meta"): "read",
    ("GET", "/api/v1/openapi.json"): "open",
    ("GET", "/api/v1/projects"): "read",
    ("POST", "/api/v1/projects"): "owner",
    ("PATCH", "/api/v1/projects/{project_id}"): "admin",
    ("GET", "/api/v1/keys"): "admin",
    ("POST", "/api/v1/keys"): "admin",
    ("DELETE", "/api/v1/keys/{key_id}"): "admin",
    ("GET", "/api/v1/runs"): "read",
    ("GET", "/api/v1/runs/latest"): "read",
    ("GET", "/api/v1/runs/{run_id}"): "read",
    ("GET", "/api/v1/events"): "read",
    ("GET", "/api/v1/events/{event_id}"): "read",
    ("GET", "/api/v1/events/provider-stats"): "read",
    ("GET", "/api/v1/insights/daily"): "read",
    ("GET", "/api/v1/insights/provider"): "read",
    ("GET", "/api/v1/dashboard/customers"): "read",
    ("GET", "/api/v1/dashboard/stats"): "read",
    ("GET", "/api/v1/sessions"): "read",
    ("GET", "/api/v1/scores"): "read",
    ("POST", "/api/v1/scores"): "ingest",
    ("GET", "/api/v1/totals"): "read",
    ("GET", "/api/v1/fields"): "read",
    ("GET", "/api/v1/export/events"): "read",
    ("GET", "/api/v1/export/runs"): "read",
    ("GET", "/api/v1/export/scores"): "read",
    ("GET", "/api/v1/export/totals"): "read",
    ("GET", "/api/v1/health/data"): "read",
    ("GET", "/api/v1/health/dead-letters"): "read",
    ("POST", "/api/v1/health/dead-letters/replay"): "admin",
    ("GET", "/api/v1/prices"): "read",
    ("GET", "/api/v1/prices/unpriced"): "read",
    ("GET", "/api/v1/prices/history"): "read",
    ("GET", "/api/v1/price-rules"): "read",
    ("POST", "/api/v1/price-rules"): "admin",
    ("POST", "/api/v1/price-rules/preview"): "read",
    ("PATCH", "/api/v1/price-rules/{rule_id}"): "admin",
    ("POST", "/api/v1/price-rules/{rule_id}/end"): "admin",
    ("POST", "/api/v1/prices/book"): "admin",
    ("POST", "/api/v1/reprice"): "admin",
    ("GET", "/api/v1/reprice/{job_id}"): "admin",
    ("DELETE", "/api/v1/reprice/{job_id}"): "admin",
    ("GET", "/api/v1/storage"): "read",
    ("POST", "/api/v1/backup"): "owner",
    ("GET", "/api/v1/live"): "read",
    ("GET", "/{path:path}"): "open",
}
"""By method and path pattern; HEAD is as GET."""
