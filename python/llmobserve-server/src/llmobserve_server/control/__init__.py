"""What people set up: projects, keys, sessions, and the record of who did it."""
