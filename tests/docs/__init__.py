"""The pages of the guide, executed."""
