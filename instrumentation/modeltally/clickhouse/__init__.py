"""ClickHouse's HTTP interface on the embedded engine, to read with."""
