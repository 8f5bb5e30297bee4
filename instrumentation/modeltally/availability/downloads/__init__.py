"""Fetching models: a queue that survives everything, one process that works through it, a child that moves bytes."""
