"""Who may do what: API keys, the sign-in link, browser sessions and the scope of every route."""

from llmobserve_server.auth.access import Access, require_admin, require_ingest, require_monitor, require_reader
from llmobserve_server.auth.deployment import Deployment

__all__ = ["Access", "Deployment", "require_admin", "require_ingest", "require_monitor", "require_reader"]
