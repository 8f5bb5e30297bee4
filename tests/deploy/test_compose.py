"""docker-compose.yml and what it mounts, held against the specification, the code, and each other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from modeltally.settings import Settings
from modeltally.store import sql
from modeltally.store._address import StoreAddress
from modeltally.store.client import READ_SETTINGS
from modeltally.store.cluster import EVERYWHERE, SHARDED
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.store import EmbeddedStore
    from support.stores import Template

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
USERS = ET.parse(ROOT / "deploy" / "clickhouse" / "users.xml").getroot()  # noqa: S314 - a file of ours
SERVER = ET.parse(ROOT / "deploy" / "clickhouse" / "config.xml").getroot()  # noqa: S314 - a file of ours
COMMAND = Path(sys.executable).parent / "modeltally"
OURS = {"migrate", "jobs"}
# Whether a container is well is asked inside it, and this one holds nothing to ask with; it says so in its comment.
WITHOUT_HEALTH_CHECK = {"collector"}
# It ends when it is done.
ENDS = {"migrate"}
USER_NAMES = ("ingest", "migrate", "jobs", "read")


def _mounts(service: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = []
    for volume in service.get("volumes", []):
        source, target, *mode = volume.split(":")
        found.append((source, target, mode[0] if mode else "rw"))
    return found


def _users() -> dict[str, ET.Element]:
    users = USERS.find("users")
    assert users is not None
    return {user.tag: user for user in users}


def _grants(user: str) -> list[str]:
    return [str(query.text) for query in _users()[user].iterfind("grants/query")]


def test_file_follows_the_compose_specification(tmp_path: Path) -> None:
    """The file is what the Compose Specification's schema allows, and a misspelt key would be found."""
    checker = shutil.which("check-jsonschema", path=str(COMMAND.parent))
    if checker is None:
        pytest.skip(
            "check-jsonschema, which carries the Compose Specification's schema, is missing from the environment:"
            " add it to the group dev of pyproject.toml, or: uv pip install check-jsonschema"
        )
    misspelt = tmp_path / "docker-compose.yml"
    misspelt.write_text((ROOT / "docker-compose.yml").read_text().replace("healthcheck:", "healthchecks:"))
    for path, words in ((ROOT / "docker-compose.yml", "validation done"), (misspelt, "'healthchecks' was unexpected")):
        command = [checker, "--builtin-schema", "vendor.compose-spec", "--verbose", str(path)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert words in run.stdout, run.stdout + run.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_no_more_rights_than_it_needs(name: str) -> None:
    """Every service runs as a user that is not root, without capabilities, on a file system it cannot change."""
    service = SERVICES[name]
    uid = int(service["user"].split(":")[0])
    assert uid > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[\w./-]+:\d+(\.\d+)+(@sha256:[0-9a-f]{64})?", service["image"]), "an image without a version"
    assert ("healthcheck" in service) == (name not in WITHOUT_HEALTH_CHECK | ENDS)


def test_ports_are_published_to_this_machine_only_and_none_of_the_database() -> None:
    """Nobody on another machine reaches a published port, and nobody outside reaches ClickHouse."""
    for name, service in SERVICES.items():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert "outside" not in service["networks"] or name in {"collector", "grafana"}
    assert "ports" not in SERVICES["clickhouse"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_mounted_files_exist_and_name_what_is_there() -> None:
    """Every file and folder that is mounted is in the repository, and read only; every named volume is declared."""
    for service in SERVICES.values():
        for source, target, mode in _mounts(service):
            if source.startswith("."):
                assert (ROOT / source).exists(), source
                assert mode == "ro", target
            else:
                assert source in COMPOSE["volumes"]
        build = service.get("build")
        if isinstance(build, str):
            assert (ROOT / build / "Dockerfile").is_file()
        elif build:
            assert (ROOT / build["context"] / build["dockerfile"]).is_file()


def test_secrets_are_files_that_the_script_makes_and_no_password_is_written_down(tmp_path: Path) -> None:
    """The script makes every secret once, with hashes that fit; no value stands in a file of the repository."""
    script = [ROOT / "deploy" / "make_secrets.sh", tmp_path / "secrets"]
    subprocess.run(script, check=True, timeout=60)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(COMPOSE["secrets"])
    for name, secret in COMPOSE["secrets"].items():
        assert re.fullmatch(rf"\$\{{MODELTALLY_SECRETS:\?[^}}]+\}}/{re.escape(name)}", secret["file"])
    hashes = ET.fromstring(made["clickhouse_users.xml"])  # noqa: S314 - just made here
    included = {element.get("incl") for element in USERS.iter("password_sha256_hex")}
    assert {element.tag for element in hashes} == included == {f"{name}_password_sha256" for name in USER_NAMES}
    for name in USER_NAMES:
        password = made[f"{name}_password"]
        digest = subprocess.run(["sha256sum"], input=password, capture_output=True, text=True, check=True).stdout  # noqa: S607 - the system's own
        assert hashes.findtext(f"{name}_password_sha256") == digest.split()[0]
        assert len(password) > 40
    subprocess.run(script, check=True, timeout=60)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made
    used = {secret["source"] for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])


@pytest.mark.parametrize("name", SERVICES)
def test_service_gets_every_secret_it_names(name: str) -> None:
    """What a service, or a file mounted into it, reads from /run/secrets is a secret it has, and it has no other."""
    service = SERVICES[name]
    text = yaml.safe_dump({key: service[key] for key in ("command", "environment") if key in service})
    for source, _, _ in _mounts(service):
        if source.startswith("./deploy") and (ROOT / source).is_file():
            text += (ROOT / source).read_text()
    assert set(re.findall(r"/run/secrets/([\w.]+)", text)) == {
        secret["source"] for secret in service.get("secrets", [])
    }


@pytest.mark.parametrize("name", sorted(OURS))
def test_command_of_ours_is_one_and_takes_its_options(name: str) -> None:
    """Every command that is run in a container is a command, its options are options, its variables are settings."""
    command = SERVICES[name]["command"]
    run = subprocess.run(
        [COMMAND, command[0], "--help"],
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    for option in [word for word in command[1:] if word.startswith("--")]:
        assert option in run.stdout
    for variable in SERVICES[name]["environment"]:
        setting = variable.removeprefix("MODELTALLY_").lower()
        assert setting in Settings.model_fields, variable


def test_store_of_a_service_is_a_user_of_the_server() -> None:
    """The address of the store names the server's container, its port, its database, and the service's own user."""
    for name in OURS:
        address = StoreAddress.parse(SERVICES[name]["environment"]["MODELTALLY_STORE"])
        assert (address.host, address.port, address.user) == ("clickhouse", 8123, name)
        assert address.database == SERVICES["collector"]["environment"]["MODELTALLY_DATABASE"]
        assert name in _users()


def test_collector_gets_every_variable_and_its_ports_agree() -> None:
    """Every variable that collector.yaml reads is set or has a default; its ports and its queue are what is mounted."""
    service = SERVICES["collector"]
    environment = service["environment"]
    text = (ROOT / "collector_config" / "collector.yaml").read_text()
    for variable, default in re.findall(r"\$\{env:(\w+)(:-[^}]*)?\}", text):
        assert default or variable in environment, variable
    read = set(re.findall(r"\$\{env:(\w+)", text))
    assert set(environment) <= read
    published = {str(port).rsplit(":", 1)[1] for port in service["ports"]}
    listened = {environment[f"MODELTALLY_{door}"].rsplit(":", 1)[1] for door in ("OTLP_GRPC", "OTLP_HTTP", "HEALTH")}
    assert published == listened
    assert environment["MODELTALLY_QUEUE_DIR"] in {target for _, target, _ in _mounts(service)}
    assert environment["CLICKHOUSE_USER"] in _users()
    image = (ROOT / "collector_config" / "Dockerfile").read_text()
    assert f"USER {service['user']}" in image
    assert service["image"].rsplit(":", 1)[1] in (ROOT / "collector_config" / "builder.yaml").read_text()


@pytest.mark.slow(seconds=2, why="the collector's own program")
def test_collector_takes_its_password_from_a_file(tmp_path: Path) -> None:
    """The collector's own check accepts the configuration as it is started, its password read from a file."""
    binary = ROOT / ".collector" / "modeltally-collector"
    if not binary.is_file():
        pytest.skip(f"{binary} is missing: make collector")
    (tmp_path / "password").write_text("p123")
    words = [word.replace("$$", "$") for word in SERVICES["collector"]["command"]]
    command = [
        word.replace("/etc/modeltally", str(ROOT / "collector_config")).replace(
            "/run/secrets/ingest_password", str(tmp_path / "password")
        )
        for word in words
    ]
    environment = {**SERVICES["collector"]["environment"], "MODELTALLY_QUEUE_DIR": str(tmp_path / "queue")}
    environment["CLICKHOUSE_ENDPOINT"] = "http://127.0.0.1:8123"
    run = subprocess.run(
        [binary, "validate", *command], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    (tmp_path / "password").unlink()
    gone = subprocess.run(
        [binary, "validate", *command], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert gone.returncode != 0


def test_grafana_asks_the_server_as_the_user_that_can_only_read() -> None:
    """The datasource is of the plugin that is installed, and names the server's container, port, database and user."""
    source = yaml.safe_load((ROOT / "deploy" / "grafana" / "datasource.yaml").read_text())["datasources"][0]
    plugin = SERVICES["grafana"]["environment"]["GF_PLUGINS_PREINSTALL_SYNC"]
    version = re.fullmatch(rf"{source['type']}@(\d+)\.(\d+)\.(\d+)", plugin)
    # macros within macros are expanded from there on, and it needs Grafana 11.6
    assert version
    assert tuple(map(int, version.groups())) >= (4, 20, 0)
    assert tuple(map(int, SERVICES["grafana"]["image"].split(":")[1].split("@")[0].split("."))) >= (11, 6)
    data = source["jsonData"]
    assert (data["host"], data["port"], data["protocol"]) == ("clickhouse", 8123, "http")
    assert data["username"] == "read"
    assert data["defaultDatabase"] == SERVICES["collector"]["environment"]["MODELTALLY_DATABASE"] == "modeltally"
    assert source["secureJsonData"]["password"] == "$__file{/run/secrets/read_password}"  # noqa: S105 - a path


@pytest.fixture(scope="module")
def store(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Open an empty store, whose engine knows its own settings and reads statements."""
    with template.opened(tmp_path_factory.mktemp("store")) as opened:
        yield opened


def test_grants_are_understood_and_name_tables_that_are_there(store: EmbeddedStore) -> None:
    """The engine's parser reads every grant, and every table and column it names exists."""
    for user in USER_NAMES:
        assert _grants(user)
        for grant in _grants(user):
            parse = sql.statement("migrate/parse")
            store.database.query(parse, {"statement": f"{grant} {'FROM' if 'REVOKE' in grant else 'TO'} {user}"})
            found = re.fullmatch(r"\w+ ([\w ,()]+) ON (\w+)\.([\w*]+)|.* ON modeltally_import_\*\.\*", grant)
            assert found, grant
            if found[2] == "modeltally" and found[3] != "*":
                assert found[3] in {*SHARDED, *EVERYWHERE}, grant
                for column in re.findall(r"\((\w+)\)", found[1]):
                    ask(store, f"SELECT {column} FROM {found[3]}")  # noqa: S608 - names from a file of ours
            elif found[2] == "system":
                ask(store, f"SELECT count() AS rows FROM system.{found[3]}")  # noqa: S608 - names from a file of ours


def test_every_user_can_do_its_work_and_no_more() -> None:
    """Only the migrating user changes the schema, only the jobs update rows, the collector only inserts."""
    landing = {f"GRANT INSERT ON modeltally.{table}" for table in SHARDED if table.startswith("otel_")}
    assert {grant for grant in _grants("ingest") if "INSERT" in grant} == landing
    for user in ("ingest", "jobs", "read"):
        assert not any(
            re.search(r"\b(CREATE|DROP|GRANT OPTION|SOURCES|READ|URL|FILE)\b", grant) for grant in _grants(user)
        )
    assert all("INSERT" not in grant and "ALTER" not in grant for grant in _grants("read"))
    assert {f"REVOKE SELECT ON modeltally.{table}" for table in ("tombstones", "erasing")} <= set(_grants("read"))
    assert not any(
        "*.*" in grant.replace("modeltally_import_*.*", "") for user in USER_NAMES for grant in _grants(user)
    )
    default = _users()["default"]
    assert default.get("remove") == "remove"


def test_settings_of_users_and_server_exist(store: EmbeddedStore) -> None:
    """Every setting of a profile is one the engine knows, every profile and quota a user names is there."""
    known = {row["name"] for row in ask(store, "SELECT name FROM system.settings")}
    profiles, quotas = USERS.find("profiles"), USERS.find("quotas")
    assert profiles is not None
    assert quotas is not None
    for profile in profiles:
        assert {setting.tag for setting in profile} - {"constraints"} <= known, profile.tag
    for name in USER_NAMES:
        user = _users()[name]
        assert user.findtext("profile") in {profile.tag for profile in profiles}
        assert user.findtext("quota") in {"default", *(quota.tag for quota in quotas)}
    of_tables = {row["name"] for row in ask(store, "SELECT name FROM system.merge_tree_settings")}
    tables = SERVER.find("merge_tree")
    assert tables is not None
    assert {setting.tag for setting in tables} <= of_tables
    assert USERS.findtext("profiles/read/readonly") == "1"
    assert USERS.find("profiles/read/constraints/max_execution_time/changeable_in_readonly") is not None


def test_logs_of_the_server_expire() -> None:
    """Every log table that the server keeps has an end, and none of the others is kept."""
    kept = [table for table in SERVER if table.tag.endswith("_log") and table.get("remove") is None]
    assert kept
    for table in kept:
        assert re.fullmatch(r"event_date \+ INTERVAL \d+ DAY DELETE", table.findtext("ttl") or ""), table.tag


def test_readers_on_a_server_read_as_those_of_the_engine_do() -> None:
    """What must be set for an answer to be right is set for everybody who reads on a server too."""
    for profile in ("work", "read"):
        for setting, value in READ_SETTINGS.items():
            assert USERS.findtext(f"profiles/{profile}/{setting}") == str(value)
