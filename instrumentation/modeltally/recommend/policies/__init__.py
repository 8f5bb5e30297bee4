"""Policies: what is advised for what was used, each a small object that is told of uses in the order of time."""
