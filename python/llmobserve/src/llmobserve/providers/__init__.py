"""Providers as data plus one small file each: how an exchange is recognised and how its usage is read."""
