"""The demonstration: simulated traffic of a small studio, through the whole path."""
