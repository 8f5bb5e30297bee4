"""What senders write is judged on its way in: unknown words are quarantined, senseless figures left out and named."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from modeltally.instrument import _names as names
from modeltally.store import sql
from queries.given import Given, Heartbeat, Operation, give
from support.stores import ask

if TYPE_CHECKING:
    from modeltally.store import EmbeddedStore

AT = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
QUARANTINED = "SELECT reason, name, detail FROM usage_quarantine"
FIGURES = "SELECT * FROM usage_events ORDER BY start"


def broken(store: EmbeddedStore) -> dict[str, list[dict[str, Any]]]:
    """Give what each invariant finds after a rollup."""
    store.run("roll", {})
    checks = sorted((sql.root() / "checks").glob("*.sql"))
    found = {path.stem: ask(store, path.read_text()) for path in checks}
    return {name: rows for name, rows in found.items() if rows}


# Attribute, what it says, and why its span cannot be counted.
UNKNOWN = [
    (names.OUTCOME, "", "unknown_outcome"),
    (names.OUTCOME, "ok", "unknown_outcome"),
    (names.OUTCOME, "Success", "unknown_outcome"),
    (names.OUTCOME, "success ", "unknown_outcome"),
    (names.OPERATION, "", "unknown_operation"),
    (names.OPERATION, "a secret text", "unknown_operation"),
    (names.OPERATION, "model.dream", "unknown_operation"),
    (names.OPERATION, "gen_ai.chat", "unknown_operation"),
    (names.OPERATION, "upscale", "unknown_operation"),
    (names.OPERATION, "acme.Upscale", "unknown_operation"),
    (names.OPERATION, "acme." + "x" * 60, "unknown_operation"),
    (names.UNFINISHED, "yes", "unknown_unfinished"),
    (names.NESTED, "1", "unknown_nested"),
]
SENSELESS = [str(2**63 - 1), str(2**64 - 1), "1e300", "-1", "-0.5", "NaN", "many"]
FIGURES_OF = {
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "modeltally.download.bytes": "moved_bytes",
    "modeltally.queue.duration": "queue_us",
    "modeltally.model.load.duration": "load_us",
    "modeltally.cost.amount": "cost_millionths",
    "modeltally.image.width": "image_width",
    "modeltally.gpu.memory.peak": "gpu_memory_peak_bytes",
}


def at(number: int) -> dt.datetime:
    """Give a time for each number."""
    return AT + dt.timedelta(seconds=number)


def test_a_word_that_nobody_knows_is_quarantined(store: EmbeddedStore) -> None:
    """It is counted as nothing, and its text is not kept among the reasons; no invariant breaks."""
    strange = [Operation(at=at(number), attributes={name: word}) for number, (name, word, _) in enumerate(UNKNOWN)]
    give(store, Given(operations=[*strange, Operation(at=AT, model="good")]))
    assert [row["model"] for row in ask(store, FIGURES)] == ["good"]
    rows = ask(store, f"{QUARANTINED} ORDER BY detail")
    assert [row["reason"] for row in rows] == [reason for *_, reason in UNKNOWN]
    for (name, word, _), row in zip(UNKNOWN, rows, strict=True):
        assert row["name"] == ("" if name == names.OPERATION else "model.request")
        assert len(word) < 2 or word not in row["detail"]
    assert broken(store) == {}


def test_words_of_ours_and_a_hosts_own_operations_are_counted(store: EmbeddedStore) -> None:
    """Every word that the instrumentation can write is known here."""
    operations = sorted(names.RECORDABLE | {"acme.upscale", "acme.up_2.scale", "acme." + "x" * 59})
    pairs = [(operation, outcome) for operation in operations for outcome in sorted(names.OUTCOMES)]
    assert all(operation in names.RECORDABLE or names.is_custom(operation) for operation in operations)
    spans = [
        Operation(at=at(number), operation=operation, outcome=outcome)
        for number, (operation, outcome) in enumerate(pairs)
    ]
    give(store, Given(operations=spans))
    assert [(row["operation"], row["outcome"]) for row in ask(store, FIGURES)] == pairs
    assert ask(store, QUARANTINED) == []


def test_a_senseless_figure_is_left_out_and_named(store: EmbeddedStore) -> None:
    """The operation counts; the figure does not, and its row says which it was."""
    pairs = [(attribute, value) for attribute in FIGURES_OF for value in SENSELESS]
    spans = [Operation(at=at(number), attributes=dict([pair])) for number, pair in enumerate(pairs)]
    give(store, Given(operations=spans))
    for (attribute, value), row in zip(pairs, ask(store, FIGURES), strict=True):
        assert row[FIGURES_OF[attribute]] in {0, None}, (attribute, value)
        assert row["senseless_figures"] == [attribute], value
        assert attribute not in row["custom"]


def test_every_figure_has_a_bound(store: EmbeddedStore) -> None:
    """No column of numbers takes what is too large for any sum, but for shares, which are cut, and signed ones."""
    columns = ask(
        store,
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'usage_events'"
        " AND match(type, 'U?Int') AND name != 'user_hash' AND NOT endsWith(name, '_ppm')"
        " AND name NOT IN ('temperature_millionths', 'guidance_millionths')",
    )
    every = {attribute.name: "9e18" for attribute in names.ATTRIBUTES.values()}
    texts = dict.fromkeys(every, "9000000000000000000")
    for given in (every, texts):
        kept = {name: value for name, value in given.items() if not name.startswith("modeltally.model.id")}
        give(store, Given(operations=[Operation(at=AT, attributes=kept, ms=9e12)]))
    for row in ask(store, FIGURES):
        assert {column["name"]: row[column["name"]] for column in columns if row[column["name"]]} == {}
        assert row["is_duration_invalid"]


def test_no_sum_wraps(store: EmbeddedStore) -> None:
    """Three spans of 2^63-1 tokens add nothing to those of an honest one."""
    most = {"gen_ai.usage.input_tokens": str(2**63 - 1), "gen_ai.usage.output_tokens": str(2**64 - 1)}
    honest = {"gen_ai.usage.input_tokens": "7", "gen_ai.usage.output_tokens": "8"}
    give(
        store,
        Given(
            operations=[
                Operation(at=AT, attributes=most, times=3, ms=9e12),
                Operation(at=AT, attributes=honest, ms=5),
            ]
        ),
    )
    (row,) = ask(
        store,
        "SELECT count() AS operations, sum(input_tokens) AS read, sum(output_tokens) AS written,"
        " sum(duration_us) AS us FROM usage_events",
    )
    assert row == {"operations": 4, "read": 7, "written": 8, "us": 5000}
    assert broken(store) == {}


def test_a_heartbeat_with_a_senseless_figure_is_quarantined(store: EmbeddedStore) -> None:
    """A figure that no process can have takes its heartbeat out; an honest one of the same process stays."""
    give(
        store,
        Given(
            heartbeats=[
                Heartbeat(at=AT, started=5, finished=5),
                Heartbeat(at=AT, started=2**64 - 1),
                Heartbeat(at=AT, reasons={"queue_full": -1}),
                Heartbeat(at=AT, problems={"bad_value": 2**62}),
            ]
        ),
    )
    assert ask(store, "SELECT started, finished FROM heartbeats") == [{"started": 5, "finished": 5}]
    assert [row["reason"] for row in ask(store, QUARANTINED)] == ["senseless_heartbeat"] * 3
    assert ask(store, FIGURES) == []
