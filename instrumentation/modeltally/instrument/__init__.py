"""Runs inside the user's service: watches operations and sends one span for each. OpenTelemetry and wrapt only."""
