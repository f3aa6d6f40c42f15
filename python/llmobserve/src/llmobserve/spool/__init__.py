"""Records on disk from the moment a call ends until the collector has them.

`writer` is all that a recorded call needs; `directory` looks after what others left.
"""
