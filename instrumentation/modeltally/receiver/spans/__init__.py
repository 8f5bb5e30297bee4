"""What is particular to spans on their way from a body to the store."""
