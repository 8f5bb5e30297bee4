"""Imports recorded operations from a CSV file through the same public wrappers a service uses."""
