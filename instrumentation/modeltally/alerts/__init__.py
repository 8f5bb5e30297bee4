"""Alerts for those without Grafana: rules, what they find, and how it is told."""
