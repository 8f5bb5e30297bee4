"""Writes Grafana's dashboards and alert rules from what is said of them here: ``make grafana``.

Each panel and each rule asks one statement of ``queries/grafana``. What Grafana is given lies in
``deploy/grafana/dashboards`` and ``deploy/grafana/alerting``; a test compares it with what is written from here.
"""
