"""A loopback provider and what is needed to look at the calls recorded from it."""
