"""Settings that cannot be used: the command refuses to start, with exit code 2, and says where, what and what else.

Covered elsewhere: flags and dates on the command line (``test_mistakes.py``, ``test_window.py``), a taken port, a
directory that is a file or in use (``test_commands.py``), a user key that is none (``test_keys.py``), addresses beyond
this machine (``tests/server/test_server.py``). What a service is given: ``tests/instrument/test_bad_input.py``. There
is no YAML, no reloading and no pinning by pattern, so their bad inputs have no place; times are UTC everywhere.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modeltally import connect
from modeltally.cli import main
from modeltally.cli._exit import ExitCode
from modeltally.errors import SettingError
from modeltally.settings import Settings, load_settings
from modeltally.settings.loading import MAX_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

BOM = b"\xef\xbb\xbf"
NOT_UTF8 = "\udcff"
SECRET = "hush-hush"  # noqa: S105 - nobody's


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Work in an empty directory, without the developer's settings; afterwards nothing else is there."""
    for name in os.environ:
        if name.upper().startswith("MODELTALLY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(connect, "serve", lambda *_args, **_kwargs: pytest.fail("it was not refused"))
    yield
    assert {path.name for path in tmp_path.iterdir()} <= {"modeltally.toml"}


def write(content: str | bytes) -> None:
    """Write the settings file."""
    Path("modeltally.toml").write_bytes(content.encode() if isinstance(content, str) else content)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Try to start the server, and return the one message that says why it does not."""
    with pytest.raises(SystemExit) as ended:
        main(["up", *arguments])
    assert ended.value.code == ExitCode.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    message = " ".join(printed.err.split())
    assert message.count("error: ") == 1
    assert len(message) < 4000  # every setting may be named, no content
    return message


DEEP = "otlp_port = " + "[" * 5000 + "]" * 5000

FILES: list[tuple[str, str | bytes, list[str]]] = [
    ("byte order mark", BOM + b"otlp_port = 1\n", ["modeltally.toml, line 1", "byte order mark", "UTF-8"]),
    ("UTF-16", "otlp_port = 1\n".encode("utf-16"), ["modeltally.toml, line 1", "byte order mark"]),
    ("not UTF-8", b"otlp_port = 1\nhost = '\xff'\n", ["modeltally.toml, line 2 is not UTF-8"]),
    ("NUL", b"otlp_port = 1\0\n", ["modeltally.toml", "line 1", "'otlp_port'"]),
    ("no TOML", "otlp_port: 4318\n", ["modeltally.toml", "line 1", "give lines of key = value"]),
    ("half a line", "http_port = 1\notlp_port =\n", ["line 2", "'otlp_port'"]),
    ("open text", "host = 'x\n", ["modeltally.toml", "end of document"]),
    ("twice", "otlp_port = 1\nhttp_port = 2\notlp_port = 3\n", ["line 3", "'otlp_port'"]),
    ("unknown", "# ours\notlp_prot = 1\n", ["line 2", "'otlp_prot'", "did you mean 'otlp_port'?"]),
    ("unknown and far", "colour = 'red'\n", ["line 1", "'colour'", "there are: dir, "]),
    ("table", "[server]\notlp_port = 1\n", ["line 1", "no setting is named 'server'"]),
    ("tables", "[[otlp_port]]\n", ["line 1", "'otlp_port'"]),
    ("dotted", "otlp_port.http = 1\n", ["line 1", "'otlp_port'"]),
    ("text for a number", "\n\notlp_port = 'a'\n", ["'otlp_port'", "line 3", "'a'", "valid integer"]),
    ("list for a number", "otlp_port = [1]\n", ["'otlp_port'", "line 1", "[1]"]),
    ("date for a number", "otlp_port = 2026-01-01\n", ["'otlp_port'", "line 1"]),
    ("fraction", "otlp_port = 1.5\n", ["'otlp_port'", "1.5"]),
    ("beyond ports", "otlp_port = 65536\n", ["'otlp_port'", "65536", "less than or equal to 65535"]),
    ("negative port", "http_port = -1\n", ["'http_port'", "-1", "greater than or equal to 0"]),
    ("long number", f"otlp_port = {'9' * 5000}\n", ["modeltally.toml", "give lines of key = value"]),
    ("number for text", "host = 1\n", ["'host'", "line 1", "valid string"]),
    ("no host", "host = ''\n", ["'host'", "line 1", "give a host name or an address such as 127.0.0.1"]),
    ("address for host", "host = 'http://127.0.0.1'\n", ["'host'", "give a host name"]),
    ("placeholder for host", "host = '${HOST}'\n", ["'host'", "'${HOST}'", "give a host name"]),
    ("no directory", "dir = ''\n", ["'dir'", "line 1", "give a directory"]),
    ("placeholder for directory", "dir = '${DATA}/x'\n", ["'dir'", "'${DATA}/x'", "nothing left to replace"]),
    ("NUL in directory", 'dir = "a\\u0000b"\n', ["'dir'", "give a directory"]),
    ("nobody's directory", "dir = '~nobody-of-that-name/x'\n", ["'dir'", "~nobody-of-that-name"]),
    ("number for directory", "dir = 7\n", ["'dir'", "7"]),
    ("NaN", "roll_interval_seconds = nan\n", ["'roll_interval_seconds'", "nan", "finite number"]),
    ("infinite", "roll_interval_seconds = inf\n", ["'roll_interval_seconds'", "inf", "finite number"]),
    ("zero seconds", "roll_interval_seconds = 0\n", ["'roll_interval_seconds'", "greater than 0"]),
    ("negative seconds", "expire_interval_seconds = -1\n", ["'expire_interval_seconds'", "-1", "greater than 0"]),
    ("endless seconds", "roll_interval_seconds = 1e300\n", ["'roll_interval_seconds'", "1e+300", "less than or equal"]),
    ("zero days", "landing_retention_days = 0\n", ["'landing_retention_days'", "0", "greater than or equal to 1"]),
    ("endless days", "event_retention_days = 1000000\n", ["'event_retention_days'", "less than or equal to 36500"]),
    ("zero threshold", "performance_slow_seconds = 0\n", ["'performance_slow_seconds'", "greater than 0"]),
    ("negative threshold", "cleanup_age_days = -0.5\n", ["'cleanup_age_days'", "-0.5", "greater than or equal to 0"]),
    ("NaN threshold", "cleanup_seed_success_rate = nan\n", ["'cleanup_seed_success_rate'", "nan", "finite"]),
    ("rate above 1", "preload_success_rate = 90\n", ["'preload_success_rate'", "90", "less than or equal to 1"]),
    ("certain", "preload_probability = 1\n", ["'preload_probability'", "less than 1"]),
    ("impossible", "preload_probability = 0\n", ["'preload_probability'", "greater than 0"]),
    ("tiny bodies", "max_body_bytes = 10\n", ["'max_body_bytes'", "10", "greater than or equal to 1024"]),
    ("endless bodies", "max_body_bytes = 4294967296\n", ["'max_body_bytes'", "less than or equal to 2147483647"]),
    (
        "events shorter than landing",
        "event_retention_days = 3\n",
        ["event_retention_days is 3", "landing_retention_days 7", "at least as long"],
    ),
    (
        "body larger than the spool",
        "max_body_bytes = 2000000\nspool_max_bytes = 1048576\n",
        ["max_body_bytes is 2000000", "spool_max_bytes 1048576", "must fit"],
    ),
    ("one port for two", "otlp_port = 4319\n", ["otlp_port is 4319", "http_port 4319", "a port of its own"]),
    ("two mistakes", "otlp_port = 'a'\nhttp_port = -1\n", ["'otlp_port'", "line 1", "'http_port'", "line 2"]),
    ("long text", f"otlp_port = '{'x' * 100_000}'\n", ["'otlp_port'", "..."]),
    ("huge", b"#" * (MAX_FILE_BYTES + 1), ["larger than 1048576 bytes"]),
    ("deep", DEEP, ["modeltally.toml"]),
]


@pytest.mark.parametrize(("content", "said"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_file_that_cannot_be_used_is_refused(
    capsys: pytest.CaptureFixture[str], content: str | bytes, said: list[str]
) -> None:
    """The message names the file, the line, the key, the value and what is allowed; nothing is started or made."""
    write(content)
    message = refusal(capsys)
    for part in said:
        assert part in message


@pytest.mark.parametrize(
    "content", ["", "\n\n", "# nothing\n", "\t\n \n", "otlp_port\t=\t1\t# tabs\n", "otlp_port=1\r\n"]
)
def test_file_that_says_little_is_as_good_as_none(content: str) -> None:
    """Empty, comments, tabs, the line ends of Windows."""
    write(content)
    expected = 1 if "otlp_port" in content.lower() else Settings.model_fields["otlp_port"].default
    assert load_settings().otlp_port == expected


@pytest.mark.parametrize("kind", ["directory", "pipe", "broken link"])
def test_settings_file_that_is_no_file_is_refused(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """It is not passed over, and a pipe is not waited for."""
    path = Path("modeltally.toml")
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere.toml")
    assert "modeltally.toml is no file" in refusal(capsys)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_file_with_a_password_is_refused_when_others_can_read_it(capsys: pytest.CaptureFixture[str], mode: int) -> None:
    """The message says what to do; the password is not in it."""
    write(f"store_password = '{SECRET}'\n")
    Path("modeltally.toml").chmod(mode)
    message = refusal(capsys)
    assert "modeltally.toml holds store_password" in message
    assert "chmod 600" in message
    assert SECRET not in message
    Path("modeltally.toml").chmod(0o600)
    assert load_settings().store_password.get_secret_value() == SECRET


def test_password_is_not_shown_when_it_is_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the key and the line."""
    write(f"store_password = ['{SECRET}']\n")
    Path("modeltally.toml").chmod(0o600)
    message = refusal(capsys)
    assert "setting 'store_password' (modeltally.toml, line 1)" in message
    assert SECRET not in message


VARIABLES = [
    ("MODELTALLY_OTLP_PORT", "a", ["'otlp_port'", "(from MODELTALLY_OTLP_PORT)", "'a'", "valid integer"]),
    ("MODELTALLY_OTLP_PORT", "\ufeff1", ["'otlp_port'", "MODELTALLY_OTLP_PORT", "'\\ufeff1'"]),
    ("MODELTALLY_OTLP_PORT", "${PORT}", ["'otlp_port'", "'${PORT}'"]),
    ("MODELTALLY_OTLP_PORT", f"1{NOT_UTF8}", ["'otlp_port'", "MODELTALLY_OTLP_PORT"]),
    ("MODELTALLY_OTLP_PORT", "tcp://10.0.0.1:4318", ["'otlp_port'", "'tcp://10.0.0.1:4318'"]),
    ("MODELTALLY_OTLP_PORT", f"http://user:{SECRET}@collector", ["'otlp_port'", "'collector'"]),
    ("MODELTALLY_OTLP_PORT", "9" * 5000, ["'otlp_port'", "MODELTALLY_OTLP_PORT"]),
    ("MODELTALLY_ROLL_INTERVAL_SECONDS", "nan", ["'roll_interval_seconds'", "'nan'", "finite"]),
    ("MODELTALLY_ROLL_INTERVAL_SECONDS", "-inf", ["'roll_interval_seconds'", "'-inf'"]),
    ("MODELTALLY_ROLL_INTERVAL_SECONDS", "1m", ["'roll_interval_seconds'", "'1m'", "valid number"]),
    ("MODELTALLY_EVENT_RETENTION_DAYS", "3", ["event_retention_days is 3", "landing_retention_days 7"]),
    ("MODELTALLY_HOST", "${HOST}", ["'host'", "MODELTALLY_HOST", "give a host name"]),
    ("MODELTALLY_HOST", "\t127.0.0.1", ["'host'", "give a host name"]),
]


@pytest.mark.parametrize(("name", "value", "said"), VARIABLES, ids=[f"{row[0]}={row[1]!r:.30}" for row in VARIABLES])
def test_variable_that_cannot_be_used_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: list[str]
) -> None:
    """The message names the variable, the value without what may be a password, and what is allowed."""
    monkeypatch.setenv(name, value)
    message = refusal(capsys)
    for part in said:
        assert part in message
    assert SECRET not in message


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A variable that nobody filled changes nothing; above all it opens no other address, and no other directory."""
    without = load_settings()
    monkeypatch.setenv(f"MODELTALLY_{name.upper()}", "")
    assert load_settings() == without


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes makes some for a service of that name, and a service's own are not the server's."""
    without = load_settings()
    monkeypatch.setenv("MODELTALLY_PORT", "tcp://10.0.0.1:4318")
    monkeypatch.setenv("MODELTALLY_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("MODELTALLY_OTLP_ENDPOINT", "${X}")
    assert load_settings() == without


def test_flag_is_named_when_it_is_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """A flag wins over the file, so the message does not send anybody to the file."""
    write("dir = 'data'\n")
    message = refusal(capsys, "--dir", "${DATA}")
    assert "setting 'dir' (from --dir) has the value" in message
    assert "modeltally.toml" not in message


def test_flag_beats_a_variable_and_a_variable_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is overruled is checked no further: the value that counts is a good one."""
    write("otlp_port = 'nonsense'\n")
    monkeypatch.setenv("MODELTALLY_OTLP_PORT", "17")
    assert load_settings().otlp_port == 17
    assert load_settings(otlp_port=18).otlp_port == 18


def test_directory_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are not read by a shell: none would make a directory of that name."""
    write("dir = '~/data'\n")
    assert load_settings().dir == Path.home() / "data"
    monkeypatch.setenv("MODELTALLY_DIR", "~/other")
    assert load_settings().dir == Path.home() / "other"


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles", "Nonsense/Zone", ""])
def test_settings_do_not_depend_on_the_time_zone(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """Days are counted in UTC whatever the machine's zone is."""
    without = load_settings()
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert load_settings() == without
    monkeypatch.undo()
    time.tzset()


def test_every_refusal_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that loads settings has one kind of error to expect."""
    for content in (b"\xff", b"x", b"otlp_port = 'a'", b"event_retention_days = 1"):
        write(content)
        with pytest.raises(SettingError):
            load_settings()
    Path("modeltally.toml").unlink()
    monkeypatch.setenv("MODELTALLY_OTLP_PORT", "x")
    with pytest.raises(SettingError):
        load_settings()
