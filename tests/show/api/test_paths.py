"""The paths of other designs in their shapes, and what is beside them: models, users, patterns, advice, health."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from modeltally.analytics.topics import TOPICS
from modeltally.show.api.generation import FailureAnalysis
from modeltally.show.api.models import KnownModels, ModelAnswer
from modeltally.show.api.pattern_analytics import UsageStatsResponse
from modeltally.show.api.topics import ANSWERS
from modeltally.show.api.users import UserAnswer
from show.api.conftest import HOSTILE, USER, Client
from support.waiting import wait_until

if TYPE_CHECKING:
    from modeltally.server import LocalServer

GENERATION = "/api/v1/analytics/generation"


@pytest.mark.slow(seconds=6, why="every path")
@pytest.mark.parametrize(
    ("path", "query", "topic"),
    [
        ("overview", {}, "overview"),
        ("overview", {"days": 7}, "overview"),
        ("trends", {"days": 2, "interval": "hour"}, "time"),
        ("trends", {}, "time"),
        (f"users/{USER}", {"days": 7}, "by-user-and-model"),
        ("models", {}, "models"),
        ("peak-hours", {"days": 90}, "peaks"),
    ],
)
def test_generation_path_has_the_topic_s_answer(
    client: Client, path: str, query: dict[str, object], topic: str
) -> None:
    """Each path answers in the shape of its topic, about the days asked for."""
    answer = client.get(f"{GENERATION}/{path}", **query).content
    ANSWERS[topic].model_validate(answer)
    assert answer["topic"] == topic
    assert answer["rows"]
    assert answer["rows"][0].keys() == {column.name for column in TOPICS[topic].columns}


def test_generation_figures_are_those_given(client: Client) -> None:
    """The overview counts what was given, and hours are cut as asked for."""
    (row,) = client.rows(f"{GENERATION}/overview", days=30)
    assert (row["requests"], row["failures"], row["users"]) == (32, 4, 2)
    assert len(client.rows(f"{GENERATION}/trends", days=2, interval="hour")) == 49
    user = client.rows(f"{GENERATION}/users/{USER}")
    assert {(one["model"], one["requests"]) for one in user} == {("org/flux", 20), ("sdxl", 6)}


def test_failures_are_told_three_ways(client: Client) -> None:
    """By type, by model and by parameter, each with what it rests on."""
    answer = client.get(f"{GENERATION}/failures").content
    FailureAnalysis.model_validate(answer)
    assert [(row["error_type"], row["failures"]) for row in answer["by_type"]["rows"]] == [("oom", 4)]
    assert [row["model"] for row in answer["by_model"]["rows"]] == ["org/flux"]


def test_usage_stats_have_the_shape_that_dashboards_ask_for(client: Client) -> None:
    """Pattern, name, points and totals; what every answer carries stands beside them."""
    answer = client.get("/api/pattern-analytics/usage-stats", time_range="7d", group_by="day").content
    UsageStatsResponse.model_validate(answer)
    assert (answer["time_range"], answer["granularity"], answer["total_patterns"]) == ("7d", "day", 2)
    by_name = {pattern["pattern_id"]: pattern for pattern in answer["patterns"]}
    assert {name: pattern["total_usage"] for name, pattern in by_name.items()} == {"router": 10, "retry": 5}
    assert by_name["router"]["usage_data"][0].keys() == {"timestamp", "count"}
    one = client.get("/api/pattern-analytics/usage-stats", pattern_id="retry").content
    assert [pattern["pattern_name"] for pattern in one["patterns"]] == ["retry"]


def test_models_are_all_that_were_ever_seen(client: Client) -> None:
    """Models in use come first, then idle ones, then those that were never asked."""
    answer = client.get("/api/v1/models").content
    KnownModels.model_validate(answer)
    assert [(row["model"], row["state"], row["requests"]) for row in answer["rows"]] == [
        ("org/flux", "in use", 24),
        ("sdxl", "in use", 6),
        (HOSTILE, "in use", 2),
        ("old", "idle", 0),
        ("shelf", "never used", 0),
    ]
    assert [row["model"] for row in client.rows("/api/v1/models", model="sdxl")] == ["sdxl"]


@pytest.mark.parametrize("name", ["org/flux", "org%2Fflux"])
def test_model_is_told_of_whole(client: Client, name: str) -> None:
    """A model's name may have slashes; its blocks are about it alone."""
    answer = client.get(f"/api/v1/models/{name}").content
    ModelAnswer.model_validate(answer)
    assert answer["model"]["requests"] == 24
    assert [row["model"] for row in answer["blocks"]["usage"]["rows"]] == ["org/flux"]
    assert [row["failures"] for row in answer["blocks"]["failures"]["rows"]] == [4]
    assert len(answer["blocks"]["over_time"]["rows"]) == 31


def test_user_is_told_of_by_hash(client: Client) -> None:
    """One user's figures and models; who did nothing is not found."""
    answer = client.get(f"/api/v1/users/{USER}").content
    UserAnswer.model_validate(answer)
    assert (answer["user"]["operations"], len(answer["models"])) == (26, 2)
    assert client.get(f"/api/v1/users/{9:016x}").status == 404


def test_user_may_be_named_by_id(client: Client, running: LocalServer) -> None:
    """An id is hashed with the directory's key, as services hash it."""
    from modeltally.keys import user_hash  # noqa: PLC0415 - this test alone

    hashed = user_hash("alice", running.directory)
    answered = client.act("/api/v1/users/alice/erase")
    assert hashed in answered.content["detail"]
    assert client.rows("/api/v1/topics/by-user-and-model", user="alice") == []


def test_pattern_is_told_of_by_day(client: Client) -> None:
    """One pattern's score and its runs by day."""
    answer = client.get("/api/v1/patterns/router").content
    assert (answer["pattern"]["runs"], sum(row["operations"] for row in answer["over_time"])) == (10, 10)
    assert client.get("/api/v1/patterns/nobody").status == 404


def test_health_and_status_are_told(client: Client) -> None:
    """All is well, and the process says what it received and which versions it has."""
    assert client.get("/api/v1/health").content["status"] == "ok"
    status = client.get("/api/v1/status").content
    assert status["problem"] is None
    assert status["versions"]["chdb-core"]


def test_advice_is_made_on_request_and_listed(client: Client) -> None:
    """A dry run makes nothing; a run makes advice that is listed from then on, and told to who listens."""
    assert client.rows("/api/v1/recommendations") == []
    dry = client.act("/api/v1/recommendations/cleanup", policy="seed").content
    assert (dry["done"], dry["report"]) == (False, [])
    assert client.rows("/api/v1/recommendations") == []
    made = client.act("/api/v1/recommendations/cleanup", policy="seed", dry_run="false").content
    assert made["done"]
    listed = client.get("/api/v1/recommendations", kind="cleanup").content
    assert listed["total_rows"] == len(made["report"]) > 0
    assert {row["subject"] for row in listed["rows"]} == {row["subject"] for row in made["report"]}
    assert client.rows("/api/v1/recommendations", kind="preload") == []
    assert len(client.get("/api/v1/recommendations", format="csv").table) == listed["total_rows"]


def test_action_with_a_key_is_done_once(client: Client) -> None:
    """The same key is answered the same without doing it again; another action may not have it."""
    key = {"Idempotency-Key": "k-1"}
    path = "/api/v1/recommendations/performance"
    first = client.act(path, key, dry_run="false", since="30d")
    again = client.act(path, key, dry_run="false", since="30d")
    assert again.content == first.content
    assert (first.headers.get("idempotent-replayed"), again.headers.get("idempotent-replayed")) == (None, "true")
    other = client.act(path, key, dry_run="false", since="7d")
    assert (other.status, other.content["thing"]) == (409, "Idempotency-Key")


def test_erasing_is_a_dry_run_until_it_is_meant(client: Client) -> None:
    """A user is named and kept by a dry run; once erased nobody finds the hash, and counts stay."""
    user, whole = f"{8:016x}", client.rows("/api/v1/topics/overview")[0]["users"]
    assert client.act(f"/api/v1/users/{user}/erase").content["done"] is False
    assert client.get(f"/api/v1/users/{user}").status == 200
    assert client.act(f"/api/v1/users/{user}/erase", dry_run="false").content["done"] is True
    wait_until(lambda: client.get(f"/api/v1/users/{user}").status == 404)
    assert client.rows("/api/v1/topics/overview")[0]["users"] == whole


def test_description_names_models_and_paths_of_other_designs(client: Client) -> None:
    """OpenAPI has their paths and the names of their response models, and refers to nothing that is missing."""
    description = client.get("/openapi.json").content
    assert client.get("/api/openapi.json").content == description
    schemas = description["components"]["schemas"]
    assert {"UsageDataPoint", "PatternUsageData", "UsageStatsResponse"} <= schemas.keys()
    paths = {f"/v1/analytics/generation/{name}" for name in ("overview", "trends", "models", "failures", "peak-hours")}
    paths |= {"/v1/analytics/generation/users/{user_id}", "/pattern-analytics/usage-stats", "/v1/models/{model_id}"}
    paths |= {f"/v1/topics/{name}" for name in TOPICS}
    assert paths <= description["paths"].keys()
    text = json.dumps(description)
    named = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named <= schemas.keys()
    assert "HTTPValidationError" not in text
    assert not [name for name in schemas if "__" in name], "two types have one name"
