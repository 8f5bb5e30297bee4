"""The house rules for SQL are kept, and every rule would be missed."""

from __future__ import annotations

import re

import pytest

from queries.style import RULES, File, files, offences

FILES = files()
KNOWN = FILES[0].known
HEADER = "-- Counts events.\n-- Grain: one row.\n-- Reads: usage_events\n-- Read by: nobody\n"
RIGHT = HEADER + "SELECT count() AS events\nFROM usage_events\nWHERE start < {until:DateTime64(6, 'UTC')}\n"
FILLING = "CREATE MATERIALIZED VIEW IF NOT EXISTS users_from_spans TO users AS SELECT 1 AS one\n"
# What breaks each rule: folder, name and text, as few words as can be beside a file that is right.
BREAKS: dict[str, list[tuple[str, str, str]]] = {
    "has_header": [
        ("jobs", "count", "SELECT 1 AS one\n"),
        ("jobs", "count", RIGHT.replace("Counts events.", "counts events")),
        ("jobs", "count", RIGHT.replace("-- Grain: one row.\n", "")),
        ("jobs", "count", RIGHT.replace("-- Reads: usage_events\n", "")),
    ],
    "reads_what_it_says": [
        ("jobs", "count", RIGHT.replace("FROM usage_events", "FROM users")),
        ("jobs", "count", RIGHT.replace("Reads: usage_events", "Reads: nothing")),
        ("jobs", "count", RIGHT.replace("Reads: usage_events", "Reads: usage_events, users")),
    ],
    "is_one_statement_in_short_lines": [
        ("jobs", "count", RIGHT + ";\n"),
        ("jobs", "count", RIGHT + "\n"),
        ("jobs", "count", RIGHT.rstrip()),
        ("jobs", "count", RIGHT.replace("count()", "count()" + " + 1" * 40)),
        ("jobs", "count", RIGHT.replace("events\nFROM", "events \nFROM")),
        ("jobs", "count", RIGHT.replace("events\nFROM", "events\t-- all\nFROM")),
        ("jobs", "count", RIGHT.replace("\nWHERE", "\n  WHERE")),
    ],
    "takes_time_as_a_parameter": [
        ("jobs", "count", RIGHT.replace("{until:DateTime64(6, 'UTC')}", "now()")),
        ("jobs", "count", RIGHT.replace("{until:DateTime64(6, 'UTC')}", "Today ()")),
        ("schema", "0001_create_otel_traces", RIGHT),
    ],
    "names_the_zone_of_times": [
        ("jobs", "count", RIGHT.replace("(6, 'UTC')", "(6)")),
        ("jobs", "count", RIGHT.replace("DateTime64(6, 'UTC')", "Array(DateTime)")),
    ],
    "groups_and_orders_by_name": [
        ("jobs", "count", RIGHT + "GROUP BY ALL\n"),
        ("jobs", "count", RIGHT + "ORDER BY 1\n"),
    ],
    "lists_its_columns": [
        ("jobs", "count", RIGHT.replace("count() AS events", "*")),
        ("jobs", "count", RIGHT.replace("count() AS events", "usage_events.*, 1 AS one")),
    ],
    "says_who_reads_the_view": [
        ("views/models", "count", RIGHT.replace("-- Read by: nobody\n", "")),
        ("views/models", "count", HEADER + "CREATE VIEW count AS SELECT 1 AS one\n"),
    ],
    "is_a_step_named_after_what_it_makes": [
        ("schema", "0042_create_users", "CREATE TABLE IF NOT EXISTS others (a UInt8)\n"),
        ("schema", "0042_create_users", "CREATE TABLE users (a UInt8)\n"),
        ("schema", "42_create_users", "CREATE TABLE IF NOT EXISTS users (a UInt8)\n"),
        ("schema", "0042_add_a_to_users", "ALTER TABLE others ADD COLUMN IF NOT EXISTS a UInt8\n"),
        ("schema", "0042_drop_a_of_users", "ALTER TABLE users DROP COLUMN a\n"),
        ("schema", "0042_add_a_to_users", "ALTER TABLE users MODIFY COLUMN b UInt8\n"),
        ("schema", "0042_fill_users_from_others", "INSERT INTO others SELECT 1 AS one\n"),
        ("schema", "0042_users_from_others", "INSERT INTO users SELECT 1 AS one\n"),
        ("schema", "0042_drop_users", "DROP TABLE IF EXISTS others SYNC\n"),
        ("schema", "0042_drop_users", "DROP TABLE users SYNC\n"),
        ("schema", "0042_drop_users", "DROP TABLE IF EXISTS users\n"),
        ("schema", "0042_create_users", "CREATE MATERIALIZED VIEW IF NOT EXISTS users TO users AS SELECT 1 AS one\n"),
    ],
    "fills_the_table_it_is_named_after": [
        ("ingest", "users_from_spans", "CREATE MATERIALIZED VIEW users_from_spans TO users AS SELECT 1 AS one\n"),
        ("ingest", "users_from_spans", "CREATE MATERIALIZED VIEW IF NOT EXISTS users TO users AS SELECT 1 AS one\n"),
        ("ingest", "users_from_spans", FILLING.replace("TO users", "TO others")),
        ("ingest", "users_of_spans", FILLING.replace("_from_", "_of_")),
    ],
}


@pytest.mark.parametrize("name", RULES)
def test_every_file_keeps_the_rule(name: str) -> None:
    """No statement breaks a rule; what does is listed with its file and line."""
    assert offences(RULES[name], FILES) == []


@pytest.mark.parametrize("name", RULES)
def test_rule_finds_every_offender(name: str) -> None:
    """Each way to break a rule is found, and a file that is right is not."""
    right = [File(folder, "count", RIGHT, KNOWN) for folder in ("jobs", "views/models")]
    assert offences(RULES[name], right) == []
    missed = [file for file in BREAKS[name] if not offences(RULES[name], [File(*file, KNOWN)])]
    assert missed == []


def test_offence_names_its_line() -> None:
    """The line that is reported is the line in the file, comments counted."""
    found = File("jobs", "count", RIGHT + "ORDER BY 1\n", KNOWN)
    assert offences(RULES["groups_and_orders_by_name"], [found]) == ["jobs/count.sql:8 has ORDER BY 1"]


def test_steps_of_the_schema_have_numbers_of_their_own() -> None:
    """The schema is applied in the order of its numbers, so no two steps share one."""
    numbers = [file.name[:4] for file in FILES if file.folder == "schema"]
    assert sorted(set(numbers)) == sorted(numbers)


def test_names_of_statements_are_unique_within_their_kind() -> None:
    """A view or check is found by its name alone."""
    for kind in ("views", "checks"):
        names = [file.name for file in FILES if file.folder.split("/")[0] == kind]
        assert sorted(set(names)) == sorted(names)


def test_every_attribute_of_words_can_be_told_apart_by_its_values() -> None:
    """What the events keep as text, `stats attribute` finds by the attribute's own name."""
    texts = {file.name: file.text for file in FILES}
    kept = dict(re.findall(r"^\s+a\['([a-z_.]+)'\] AS (\w+),", texts["usage_input_from_spans"], re.MULTILINE))
    not_asked = {"modeltally.operation", "modeltally.outcome", "modeltally.nested.service", "user.hash"}
    told = dict(
        re.findall(r"if\(\{attribute:String\} = '([a-z_.]+)', (\w+)::String, ''\)", texts["usage_by_attribute"])
    )
    wanted = {attribute: column for attribute, column in kept.items() if attribute not in not_asked}
    assert wanted
    assert wanted.items() <= told.items()
