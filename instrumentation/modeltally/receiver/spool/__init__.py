"""The durable queue between a listener and the store; it knows no signal."""
