"""The collector: takes events, stores them, answers questions and serves the dashboard."""
