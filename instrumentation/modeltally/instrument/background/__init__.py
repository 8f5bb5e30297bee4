"""What the background thread alone imports: from a record to what is sent. A service never waits for it."""
