"""The advice on keeping alive as other programs take it, read back by what reads such files."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from modeltally.errors import InputError, UnknownNameError
from modeltally.show.warm_exports import WARM_EXPORTS, export_warm

if TYPE_CHECKING:
    from modeltally.recommend.kinds import AdviceRow

ODD = 'acme/it\'s 100% "new": #1'


def _row(subject: str, verdict: str = "advise", **evidence: object) -> AdviceRow:
    moment = datetime(2026, 3, 9, tzinfo=UTC)
    row: dict[str, Any] = {"subject": subject, "verdict": verdict, "evidence": evidence, "expires_at": moment}
    return cast("AdviceRow", row)


def ttl(subject: str, seconds: float, verdict: str = "advise") -> AdviceRow:
    """How long a model stays after a use."""
    return _row(subject, verdict, ttl_seconds=seconds)


def warm(subject: str, first: int, hours: int, verdict: str = "advise", zone: str = "Europe/Berlin") -> AdviceRow:
    """Hours in which a model is kept warm."""
    begin, end = f"{first:02}:00", f"{(first + hours) % 24:02}:00"
    told = {"begin": begin, "end": end, "hours": hours, "zone": zone, "days_used": [6] * hours, "days_looked_at": 7}
    return _row(subject, verdict, ttl_seconds=720.4, **told)


ROWS = [
    ttl(ODD, 720.4),
    ttl("flux", 95.2),
    ttl("cheap", 60, verdict="refused"),
    warm(ODD, 17, 2),
    warm("flux", 23, 3),
    warm("cheap", 9, 1, verdict="refused"),
]


def test_json_holds_every_figure() -> None:
    """Each model with its time and its hours; what was refused is not there."""
    models = json.loads(export_warm(ROWS, "json"))["models"]
    assert models.keys() == {ODD, "flux"}
    assert models[ODD]["ttl_seconds"] == 720
    (told,) = models["flux"]["warm"]
    assert (told["begin"], told["end"], told["hours"], told["zone"]) == ("23:00", "02:00", 3, "Europe/Berlin")
    assert told["days_used"] == [6, 6, 6]


def test_ollama_gets_durations_and_requests_that_load() -> None:
    """A duration for each request, and calls without a prompt, often enough that the model never goes in between."""
    told = json.loads(export_warm(ROWS, "ollama"))
    assert told["keep_alive"] == {ODD: "720s", "flux": "95s"}
    for call in told["calls"]:
        assert (call["method"], call["path"]) == ("POST", "/api/generate")
        assert call["body"].keys() == {"model", "keep_alive"}
        assert int(call["body"]["keep_alive"].removesuffix("s")) > call["every_seconds"]
        assert call["every_seconds"] <= 300
        assert call["every_seconds"] % 60 == 0
    assert {call["body"]["model"]: (call["from"], call["until"]) for call in told["calls"]} == {
        ODD: ("17:00", "19:00"),
        "flux": ("23:00", "02:00"),
    }


def test_vllm_wakes_and_sleeps() -> None:
    """Each stretch wakes the server of its model and lets it sleep after; idle ones sleep too."""
    told = json.loads(export_warm(ROWS, "vllm"))
    assert told["server_needs"] == {"flags": ["--enable-sleep-mode"], "environment": {"VLLM_SERVER_DEV_MODE": "1"}}
    assert [(call["at"], call["path"]) for call in told["calls"] if call["model"] == ODD] == [
        ("17:00", "/wake_up"),
        ("19:00", "/sleep?level=1"),
    ]
    assert {idle["model"]: idle["after_idle_seconds"] for idle in told["idle"]} == {ODD: 720, "flux": 95}


def test_llama_swap_gets_yaml() -> None:
    """The names of models and their seconds are read back as they were, whatever is in the names."""
    assert yaml.safe_load(export_warm(ROWS, "llama-swap")) == {"models": {ODD: {"ttl": 720}, "flux": {"ttl": 95}}}
    assert yaml.safe_load(export_warm([], "llama-swap")) == {"models": {}}


def test_comfyui_frees_when_no_model_is_to_be_warm() -> None:
    """It unloads all models at once: not at the end of a stretch in which another begins or goes on."""
    rows = [*ROWS, warm("other", 19, 1)]
    told = json.loads(export_warm(rows, "comfyui"))
    assert [call["at"] for call in told["calls"]] == ["02:00", "20:00"]
    for call in [*told["calls"], *told["idle"]]:
        assert (call["method"], call["path"]) == ("POST", "/free")
        assert call["body"] == {"unload_models": True, "free_memory": True}
    assert told["idle"][0]["after_idle_seconds"] == 720


def _read_crontab(text: str) -> tuple[dict[str, str], list[tuple[str, str, list[str]]]]:
    """Read a crontab as crontab(5) says: assignments, and lines of five fields and a command in which % ends it."""
    given, lines = {}, []
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isalpha():
            name, _, value = line.partition("=")
            given[name] = value
            continue
        minute, hour, day, month, weekday, command = line.split(" ", 5)
        assert (day, month, weekday) == ("*", "*", "*")
        assert 0 <= int(minute) <= 59
        assert 0 <= int(hour) <= 23
        whole = command.replace(r"\%", "\0")
        assert "%" not in whole
        lines.append((minute, hour, shlex.split(whole.replace("\0", "%"))))
    return given, lines


def test_cron_loads_and_unloads_by_name() -> None:
    """A line for each begin and each end, the zone named, and any name as one argument."""
    given, lines = _read_crontab(export_warm(ROWS, "cron"))
    assert given["CRON_TZ"] == "Europe/Berlin"
    assert {"LOAD", "UNLOAD"} <= given.keys()
    assert sorted(lines) == sorted(
        [
            ("0", "17", ["$LOAD", ODD]),
            ("0", "19", ["$UNLOAD", ODD]),
            ("0", "23", ["$LOAD", "flux"]),
            ("0", "2", ["$UNLOAD", "flux"]),
        ]
    )


def test_all_day_is_never_unloaded() -> None:
    """A model that every hour needs has no end."""
    _, lines = _read_crontab(export_warm([warm("flux", 0, 24)], "cron"))
    assert lines == [("0", "0", ["$LOAD", "flux"])]
    assert [call["path"] for call in json.loads(export_warm([warm("flux", 0, 24)], "vllm"))["calls"]] == ["/wake_up"]
    assert json.loads(export_warm([warm("flux", 0, 24)], "comfyui"))["calls"] == []


@pytest.mark.parametrize("name", ["a\n* * * * * rm -rf /", "a\0b", "a\rb"])
def test_name_that_breaks_lines_never_reaches_a_crontab(name: str) -> None:
    """It is refused with the name in the message; the formats of JSON and YAML carry it unharmed."""
    with pytest.raises(InputError, match="cannot be written in a crontab"):
        export_warm([warm(name, 1, 1)], "cron")
    assert yaml.safe_load(export_warm([ttl(name, 60)], "llama-swap"))["models"].keys() == {name}


def test_unknown_format_is_refused() -> None:
    """The message names those there are."""
    with pytest.raises(UnknownNameError, match="llamaswap"):
        export_warm([], "llamaswap")
    assert all(export_warm([], name).endswith("\n") for name in WARM_EXPORTS)
