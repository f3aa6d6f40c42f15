"""PostgreSQL 15 and later: one server, any number of collectors. `address.store_at` makes a store."""
