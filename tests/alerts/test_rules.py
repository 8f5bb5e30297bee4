"""The table of rules: what it names is there."""

from __future__ import annotations

import re

from modeltally.alerts.rules import RULES, Severity
from modeltally.analytics.topics import TOPICS
from modeltally.cli._app import COMMANDS
from modeltally.recommend.kinds import ADVICE
from modeltally.settings import Settings

COMMAND = re.compile(r"`(?:modeltally )?(\w+)(?: ([\w-]+))?[^`]*`")


def test_rules_name_what_there_is() -> None:
    """Settings are settings, and the commands that help are commands, with topics and advice that there are."""
    for rule in RULES.values():
        assert set(rule.threshold) <= set(Settings.model_fields), rule.name
        for command, word in COMMAND.findall(f"{rule.todo} {rule.looks_at}"):
            if command.startswith("last_"):
                continue
            assert command in COMMANDS, rule.name
            assert command != "stats" or word in TOPICS, rule.name
            assert command != "recommend" or word in ADVICE, rule.name


def test_rules_are_sentences() -> None:
    """What a rule says and advises is what people read as it stands."""
    for name, rule in RULES.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert rule.sentence.endswith(".")
        assert rule.todo.endswith((".", "?"))
        assert rule.severity in Severity


def test_thresholds_are_those_that_were_asked_for() -> None:
    """The health checks of patterns: 0.80, 0.20, twice the median, 500 ms and a second, 0.70, none, a week, 300 s."""
    settings = Settings()
    assert settings.alerts_success_rate == 0.8
    assert settings.alerts_error_rate == 0.2
    assert settings.alerts_uneven_factor == 2
    assert settings.excellent_ms == 500
    assert settings.alerts_quality == 0.7
    assert settings.alerts_quality_gate_failures == 0
    assert settings.alerts_unused_hours == 168
    assert settings.alerts_interval_seconds == 300
