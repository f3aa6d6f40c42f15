"""Current instrumentations between a provider on loopback and a collector, a process each: is the bill right?"""
