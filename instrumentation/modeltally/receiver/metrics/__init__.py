"""What is particular to metrics on their way from a body to the store."""
