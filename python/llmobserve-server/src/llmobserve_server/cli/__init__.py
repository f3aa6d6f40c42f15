"""Commands that need the server."""
