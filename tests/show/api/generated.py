"""Clients made of the description of the interface: ``make test-openapi-clients``.

A Python client (openapi-python-client, run by uv) is made, imported and asks a running server; TypeScript types
(openapi-typescript, by npm) are made and compiled with a few lines that use them. What is not installed is left out,
and said.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from cli.conftest import run_command, start_server

PYTHON_CLIENT = "openapi-python-client==0.28.3"
TYPESCRIPT = ("openapi-typescript@7", "typescript@5")
_ASK = """
import sys
from modeltally_client import Client
from modeltally_client.api.topics import topic_models
answer = topic_models.sync(client=Client(base_url=sys.argv[1]), since="90d")
print(len(answer.rows), answer.rows[0].model, answer.rows[0].requests, answer.window.until)
"""
_USE = """
import type { paths } from "./schema";
type Answer = paths["/v1/topics/models"]["get"]["responses"][200]["content"]["application/json"];
export const first = (answer: Answer): [string, number, number | null] => {
  const row = answer.rows[0]!;
  return [row.model, row.requests, row.success_rate];
};
"""


def main() -> int:
    """Serve a demonstration, make clients, ask with one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", default="uv")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modeltally-clients-") as name:
        home = Path(name)
        demo = run_command("demo", "--days", "7", "--dir", home / "data", home=home)
        if demo.returncode:
            raise SystemExit(demo.stderr)
        server = start_server(home / "data", home)
        try:
            with urllib.request.urlopen(f"{server.http_url}/openapi.json") as response:  # noqa: S310 - this machine's
                description = json.load(response)
            (home / "openapi.json").write_text(json.dumps(description))
            _python(home, options.uv, f"{server.http_url}/api")
            _typescript(home)
        finally:
            server.process.terminate()
            server.process.communicate(timeout=60)
    return 0


def _python(home: Path, uv: str, url: str) -> None:
    config = home / "client.yaml"
    config.write_text("package_name_override: modeltally_client\nproject_name_override: modeltally-client\n")
    command = [uv, "tool", "run", "--from", PYTHON_CLIENT, "openapi-python-client", "generate", "--path",
               home / "openapi.json", "--config", config, "--output-path", home / "python", "--meta", "none",
               "--fail-on-warning"]  # fmt: skip
    _run([*map(str, command)], home)
    package = home / "made" / "modeltally_client"
    shutil.copytree(home / "python", package)
    _run([sys.executable, "-m", "compileall", "-q", str(package)], home)
    ask = [uv, "run", "--no-project", "--with", "httpx", "--with", "attrs", "--with", "python-dateutil", "python", "-c"]
    _say("Python client", _run([*ask, _ASK, url], home / "made"))


def _typescript(home: Path) -> None:
    if shutil.which("npm") is None:
        _say("TypeScript", "left out: npm is not installed")
        return
    _run(["npm", "install", "--silent", "--no-save", "--ignore-scripts", *TYPESCRIPT], home)
    tools = home / "node_modules" / ".bin"
    _run([str(tools / "openapi-typescript"), "openapi.json", "-o", "schema.d.ts"], home)
    (home / "use.ts").write_text(_USE)
    _run([str(tools / "tsc"), "--strict", "--noEmit", "--skipLibCheck", "false", "use.ts", "schema.d.ts"], home)
    _say("TypeScript", f"{len((home / 'schema.d.ts').read_text().splitlines())} lines of types compile, and their use")


def _run(command: list[str], folder: Path) -> str:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{' '.join(command[:6])} failed:\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}")
    return ran.stdout.strip()


def _say(what: str, told: str) -> None:
    sys.stdout.write(f"{what}: {told}\n")


if __name__ == "__main__":
    sys.exit(main())
