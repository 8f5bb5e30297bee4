"""modeltally: which generative models your services really use, how well, at what cost."""
