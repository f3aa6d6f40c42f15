"""Questions asked of the events: one module a question, every one through `window.Scope`."""
