"""What loaded models are worth keeping for: scores that change at each use, of the standard library alone."""
