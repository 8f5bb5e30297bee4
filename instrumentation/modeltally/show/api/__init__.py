"""The REST interface, described by OpenAPI."""
