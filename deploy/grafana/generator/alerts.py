"""The alert rules: what is asked, from which value on it is told, and how it is said.

Their statements hold macros of the plugin's backend alone, for nobody looks at a rule: no variables, no zone. Windows
end five minutes ago where counts are asked for, so that what is on its way is not taken for missing. Who is told is not
said here: contact points and policies are the team's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.builders import alerting, expr
from grafana_foundation_sdk.models.alerting import RelativeTimeRange
from grafana_foundation_sdk.models.common import DataSourceRef

from generator.boards import BOARDS
from generator.questions import PLUGIN, Format, QuestionBuilder

__all__ = ["GROUPS", "RULES", "AlertRule", "as_provisioned"]

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
# What a span may take from its end until it is stored: its process sends every second, retries take up to minutes.
UNDERWAY: Final = 5 * MINUTE
# An hour is rolled for good two hours after its end, by a job that runs every minute or so.
SETTLED: Final = 3 * HOUR
_DATASOURCE: Final = DataSourceRef(type_val=PLUGIN, uid="modeltally")
_EXPRESSION: Final = DataSourceRef(type_val="__expr__", uid="__expr__")
# How often the rules of a group are looked at, in seconds.
GROUPS: Final = {"modeltally": 5 * MINUTE, "modeltally, hourly": HOUR}
_OFTEN, _SELDOM = GROUPS


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One rule.

    Attributes:
        name: Its statement below ``queries/grafana/alerts``, and the end of its uid.
        title: Its name in Grafana.
        fires: Whether a value above or below the limit fires.
        limit: The limit.
        seconds: How long its window is.
        ends_ago: How many seconds ago its window ends.
        pending: For how long it must hold, in Grafana's words.
        severity: How bad it is.
        summary: What is told, with the labels of the row.
        description: What it means, and what to do.
        panel: The dashboard and the title of the panel that shows more.
        group: How often it is looked at.
        when_nothing: What it means that no row comes.
    """

    name: str
    title: str
    fires: Literal["gt", "lt"]
    limit: float
    seconds: int
    summary: str
    description: str
    panel: tuple[str, str]
    ends_ago: int = UNDERWAY
    pending: str = "5m"
    severity: Literal["warning", "critical"] = "warning"
    group: str = _OFTEN
    when_nothing: Literal["OK", "Alerting"] = "OK"


_WHO: Final = "{{ $labels.kind }} {{ $labels.subject }}"
_SHARE: Final = "{{ humanizePercentage $values.B.Value }}"
_COUNT: Final = '{{ printf "%.0f" $values.B.Value }}'
RULES: Final = (
    AlertRule(
        name="success_rate",
        title="Success rate below 80 %",
        fires="lt",
        limit=0.8,
        seconds=HOUR,
        summary=f"Only {_SHARE} of {_WHO} succeed",
        description="Of at least 20 operations in an hour, less than 80 % were successes.",
        panel=("models", "Success rate"),
    ),
    AlertRule(
        name="error_rate",
        title="Error rate above 20 %",
        fires="gt",
        limit=0.2,
        seconds=HOUR,
        severity="critical",
        summary=f"{_SHARE} of {_WHO} end in an error",
        description="Of at least 20 operations in an hour, more than 20 % raised an error or were never seen to end.",
        panel=("models", "What goes wrong"),
    ),
    AlertRule(
        name="uneven_duration",
        title="p95 above twice the p50",
        fires="gt",
        limit=2,
        seconds=HOUR,
        pending="15m",
        summary=f'The p95 of {_WHO} is {{{{ printf "%.1f" $values.B.Value }}}} times its p50',
        description="Of at least 20 durations in an hour; where the p95 is excellent nothing is said.",
        panel=("models", "Durations"),
    ),
    AlertRule(
        name="slow",
        title="Slow",
        fires="gt",
        limit=1,
        seconds=HOUR,
        pending="15m",
        summary=f"{_WHO} is slow",
        description=(
            "Of at least 20 durations in an hour the p95 is above what is excellent, and the p99 above twice that: 0.5"
            " and 1 second for patterns, 150 and 300 seconds for models."
        ),
        panel=("models", "Durations"),
    ),
    AlertRule(
        name="quality",
        title="Quality below 0.7",
        fires="lt",
        limit=0.7,
        seconds=DAY,
        summary=f"The mean quality of {_WHO} is {_SHARE}",
        description="Of at least ten results of a day that were judged, by the operations or afterwards.",
        panel=("patterns", "Quality"),
    ),
    AlertRule(
        name="gate_failures",
        title="Failed quality gates",
        fires="gt",
        limit=0,
        seconds=DAY,
        summary=f"{_COUNT} results of {_WHO} did not pass a quality gate",
        description="In the last day.",
        panel=("patterns", "Effectiveness"),
    ),
    AlertRule(
        name="unused",
        title="Not used for a week",
        fires="gt",
        limit=168,
        seconds=90 * DAY,
        group=_SELDOM,
        pending="0s",
        summary='{{ $labels.model }} was not used for {{ printf "%.0f" $values.B.Value }} hours',
        description="A model that was used in the last 90 days, and not in the last 168 hours.",
        panel=("overview", "Not used for the longest"),
    ),
    AlertRule(
        name="loss",
        title="Operations lost",
        fires="gt",
        limit=0,
        seconds=HOUR,
        pending="0s",
        severity="critical",
        summary=f"{_COUNT} operations were lost",
        description="Processes say that they lost them in the last hour; `modeltally stats completeness` says why.",
        panel=("health", "Lost operations"),
    ),
    AlertRule(
        name="missing",
        title="Operations missing",
        fires="gt",
        limit=0,
        seconds=DAY,
        group=_SELDOM,
        pending="0s",
        summary=f"{_COUNT} operations of {{{{ $labels.service }}}} never came",
        description=(
            "The process that {{ $labels.instance }} stands for started them, ended, and they are not here: it was"
            " killed, or they are lost on their way."
        ),
        panel=("health", "Is everything here?"),
    ),
    AlertRule(
        name="no_data",
        title="Nothing comes",
        fires="gt",
        limit=30,
        seconds=7 * DAY,
        ends_ago=0,
        severity="critical",
        summary='Nothing came for {{ printf "%.0f" $values.B.Value }} minutes',
        description=(
            "Every watched process says every half minute that it lives: none runs, none reaches the receiver, or the"
            " receiver does not reach the store."
        ),
        panel=("health", "Processes alive"),
        when_nothing="Alerting",
    ),
    AlertRule(
        name="download_failed",
        title="Download failed",
        fires="gt",
        limit=0,
        seconds=DAY,
        pending="0s",
        summary=f"{_COUNT} downloads of {{{{ $labels.model }}}} failed",
        description="Of those that began in the last day.",
        panel=("disk", "Downloads"),
    ),
    AlertRule(
        name="damaged_model",
        title="Damaged model",
        fires="gt",
        limit=0,
        seconds=2 * DAY,
        group=_SELDOM,
        pending="0s",
        severity="critical",
        summary=f"{_COUNT} files of {{{{ $labels.model }}}} are damaged or missing",
        description="So its newest health check of the last two days says.",
        panel=("disk", "Size against use"),
    ),
    AlertRule(
        name="roll_behind",
        title="Rolling is behind",
        fires="gt",
        limit=0,
        seconds=2 * DAY,
        ends_ago=SETTLED,
        pending="15m",
        summary=f"{_COUNT} hours are not rolled",
        description=(
            "Hours that ended three hours ago and more: answers stay exact and become slow. Look at the job that rolls:"
            " `modeltally check`, or the container `jobs`."
        ),
        panel=("health", "Rolled hours"),
    ),
    AlertRule(
        name="refused",
        title="Spans refused",
        fires="gt",
        limit=0,
        seconds=HOUR,
        pending="0s",
        summary=f"{_COUNT} spans could not be counted: {{{{ $labels.reason }}}}",
        description="They are kept aside with their reason in the table usage_quarantine.",
        panel=("health", "Refused spans"),
    ),
)


def as_provisioned() -> dict[str, object]:
    """Give all rules as Grafana reads them from a file."""
    groups = []
    for group, seconds in GROUPS.items():
        rules = [_provisioned(rule) for rule in RULES if rule.group == group]
        groups.append({"orgId": 1, "name": group, "folder": "modeltally", "interval": f"{seconds}s", "rules": rules})
    return {"apiVersion": 1, "groups": groups}


def _provisioned(rule: AlertRule) -> dict[str, object]:
    window = RelativeTimeRange(from_val=rule.seconds + rule.ends_ago, to=rule.ends_ago)
    board, title = rule.panel
    built = (
        alerting.Rule(f"modeltally: {rule.title}")
        .uid(f"modeltally-{rule.name.replace('_', '-')}")
        .condition("C")
        .with_query(
            alerting.Query("A")
            .datasource_uid(str(_DATASOURCE.uid))
            .relative_time_range(window)
            .model(QuestionBuilder(f"alerts/{rule.name}", Format.TABLE, datasource=_DATASOURCE))
        )
        .with_query(
            alerting.Query("B")
            .datasource_uid(str(_EXPRESSION.uid))
            .relative_time_range(window)
            .model(expr.TypeReduce().ref_id("B").datasource(_EXPRESSION).expression("A").reducer("last"))
        )
        .with_query(
            alerting.Query("C")
            .datasource_uid(str(_EXPRESSION.uid))
            .relative_time_range(window)
            .model(
                expr.TypeThreshold()
                .ref_id("C")
                .datasource(_EXPRESSION)
                .expression("B")
                .conditions(
                    [
                        expr.ExprTypeThresholdConditions().evaluator(
                            expr.ExprTypeThresholdConditionsEvaluator().type(rule.fires).params([rule.limit])
                        )
                    ]
                )
            )
        )
        .no_data_state(rule.when_nothing)
        .exec_err_state("Error")
        .for_val(rule.pending)
        .labels({"product": "modeltally", "severity": rule.severity})
        .annotations(
            {
                "summary": rule.summary,
                "description": rule.description,
                "__dashboardUid__": f"modeltally-{board}",
                "__panelId__": str(_panel_number(board, title)),
            }
        )
        .is_paused(is_paused=False)
        .build()
    )
    # the group and the folder stand above the rules, and the organisation beside them
    said = {name: value for name, value in built.to_json().items() if name not in {"folderUID", "orgID", "ruleGroup"}}
    # without the h: so every version of Grafana reads it
    return {**said, "dasboardUid": f"modeltally-{board}", "panelId": _panel_number(board, title)}


def _panel_number(board: str, title: str) -> int:
    panels = BOARDS[board]().panels or []
    return next(int(panel.id_val or 0) for panel in panels if panel.title == title)
