"""What may be asked of a store: topics, the rows each gives, the window of a query."""
