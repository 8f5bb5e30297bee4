"""Rules that come to an advice in Python, each of what views tell; the others are statements."""
