"""Replays history in the order of time, to see what a policy would have done; nothing that comes later is looked at."""
