"""``python -m generator``, with ``deploy/grafana`` on the path: write every file that Grafana is given."""

from __future__ import annotations

from generator.files import write

if __name__ == "__main__":
    write()
