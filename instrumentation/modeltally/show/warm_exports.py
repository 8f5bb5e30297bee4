"""The advice on keeping alive as what model servers, cron and other programs take: ``recommend keepalive --export``.

What each takes is as its documentation says: Ollama's ``keep_alive`` of a request (a duration such as "720s"; a request
without a prompt loads the model), vLLM's sleep mode (``POST /wake_up``, ``POST /sleep?level=1``), llama-swap's ``ttl``
in seconds, ComfyUI's ``POST /free``, crontab(5).
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modeltally.errors import InputError, UnknownNameError
from modeltally.recommend.record import ADVISE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from modeltally.recommend.kinds import AdviceRow

__all__ = ["WARM_EXPORTS", "export_warm"]

_HOURS_OF_DAY: Final = 24
# Ollama unloads after five minutes where a request says nothing else, and each request starts that time anew
_RENEWED_SECONDS: Final = 300


class _Warm(NamedTuple):
    """Hours of the day in which a model is kept warm."""

    model: str
    first: int
    hours: int
    zone: str
    days_used: Sequence[int]
    days_looked_at: int

    @property
    def begin(self) -> str:
        return f"{self.first:02}:00"

    @property
    def end(self) -> str:
        return f"{self._after:02}:00"

    @property
    def _after(self) -> int:
        return (self.first + self.hours) % _HOURS_OF_DAY

    @property
    def is_all_day(self) -> bool:
        return self.hours == _HOURS_OF_DAY

    def all_hours(self) -> list[int]:
        """Every hour of it."""
        return [(self.first + ahead) % _HOURS_OF_DAY for ahead in range(self.hours)]


class _Plan(NamedTuple):
    """What is advised, for all models."""

    ttl_seconds: dict[str, int]
    warm: list[_Warm]
    zone: str


def export_warm(rows: Iterable[AdviceRow], name: str) -> str:
    """Write the advice on keeping alive for another program.

    Args:
        rows: The advice; what was refused is left out.
        name: The format: one of ``WARM_EXPORTS``.

    Returns:
        The text, with a newline at its end.

    Raises:
        UnknownNameError: There is no such format.
        InputError: The name of a model cannot be written in it.
    """
    if name not in WARM_EXPORTS:
        raise UnknownNameError("format", name, WARM_EXPORTS)
    plan = _plan(rows)
    return WARM_EXPORTS[name](plan).rstrip("\n") + "\n"


def _plan(rows: Iterable[AdviceRow]) -> _Plan:
    ttl: dict[str, int] = {}
    warm = []
    for row in rows:
        if row["verdict"] != ADVISE:
            continue
        told: Mapping[str, Any] = row["evidence"]
        if "begin" in told:
            first = int(str(told["begin"]).partition(":")[0])
            warm.append(
                _Warm(
                    row["subject"],
                    first,
                    int(told["hours"]),
                    str(told["zone"]),
                    list(told["days_used"]),
                    int(told["days_looked_at"]),
                )
            )
        else:
            ttl[row["subject"]] = max(1, round(float(told["ttl_seconds"])))
    warm.sort()
    return _Plan(dict(sorted(ttl.items())), warm, warm[0].zone if warm else "UTC")


def _json(plan: _Plan) -> str:
    models: dict[str, dict[str, Any]] = {model: {"ttl_seconds": seconds} for model, seconds in plan.ttl_seconds.items()}
    for one in plan.warm:
        told = {"begin": one.begin, "end": one.end, "hours": one.hours, "zone": one.zone}
        told |= {"days_used": list(one.days_used), "days_looked_at": one.days_looked_at}
        models.setdefault(one.model, {}).setdefault("warm", []).append(told)
    return _text({"models": models})


def _ollama(plan: _Plan) -> str:
    calls = []
    for one in plan.warm:
        every = min(_RENEWED_SECONDS, plan.ttl_seconds.get(one.model, _RENEWED_SECONDS))
        every = max(60, every // 60 * 60)
        calls.append(
            {
                "from": one.begin,
                "until": one.end,
                "zone": one.zone,
                "every_seconds": every,
                "method": "POST",
                "path": "/api/generate",
                # no prompt: it loads the model, or keeps it
                "body": {"model": one.model, "keep_alive": f"{2 * every}s"},
            }
        )
    return _text({"keep_alive": {model: f"{seconds}s" for model, seconds in plan.ttl_seconds.items()}, "calls": calls})


def _vllm(plan: _Plan) -> str:
    sleep = {"method": "POST", "path": "/sleep?level=1"}
    calls = []
    for one in plan.warm:
        wake = {"at": one.begin, "zone": one.zone, "model": one.model, "method": "POST", "path": "/wake_up"}
        calls += [wake] if one.is_all_day else [wake, {"at": one.end, "zone": one.zone, "model": one.model, **sleep}]
    idle = [{"model": model, "after_idle_seconds": seconds, **sleep} for model, seconds in plan.ttl_seconds.items()]
    needs = {"flags": ["--enable-sleep-mode"], "environment": {"VLLM_SERVER_DEV_MODE": "1"}}
    return _text({"server_needs": needs, "calls": calls, "idle": idle})


def _llama_swap(plan: _Plan) -> str:
    lines = [
        "# Seconds after the last request until llama-swap unloads a model: merge these into the models of its",
        "# configuration. It has no clock; what is to be warm at which hours is in --export cron.",
        "models:" if plan.ttl_seconds else "models: {}",
    ]
    for model, seconds in plan.ttl_seconds.items():
        # JSON's strings are YAML's
        lines += [f"  {json.dumps(model)}:", f"    ttl: {seconds}"]
    return "\n".join(lines)


def _comfyui(plan: _Plan) -> str:
    free = {"method": "POST", "path": "/free", "body": {"unload_models": True, "free_memory": True}}
    busy = {hour for one in plan.warm for hour in one.all_hours()}
    # it unloads every model at once: only where no model is to be warm
    ends = [hour for hour in range(_HOURS_OF_DAY) if hour not in busy and (hour - 1) % _HOURS_OF_DAY in busy]
    longest = max(plan.ttl_seconds.values(), default=None)
    return _text(
        {
            "warm": [{"model": one.model, "begin": one.begin, "end": one.end, "zone": one.zone} for one in plan.warm],
            "calls": [{"at": f"{hour:02}:00", "zone": plan.zone, **free} for hour in ends],
            "idle": [] if longest is None else [{"after_idle_seconds": longest, **free}],
        }
    )


def _cron(plan: _Plan) -> str:
    lines = [
        "# What loads a model and what unloads it, with its name as the argument: put your own there.",
        "LOAD=/usr/local/bin/load-model",
        "UNLOAD=/usr/local/bin/unload-model",
        f"# The hours are those of {plan.zone}. A cron that does not know CRON_TZ goes by the clock of the machine.",
        f"CRON_TZ={plan.zone}",
    ]
    for one in plan.warm:
        model = _in_crontab(one.model)
        lines.append(f"0 {one.first} * * * $LOAD {model}")
        if not one.is_all_day:
            lines.append(f"0 {int(one.end[:2])} * * * $UNLOAD {model}")
    return "\n".join(lines)


def _in_crontab(model: str) -> str:
    """Write a name as an argument in a crontab, where % ends a command and lines cannot be broken."""
    if not model.isprintable():
        raise InputError(f"model {model!r} cannot be written in a crontab: allowed are names of printable characters")
    return shlex.quote(model).replace("%", r"\%")


def _text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


WARM_EXPORTS: Final[dict[str, Callable[[_Plan], str]]] = {
    "ollama": _ollama,
    "vllm": _vllm,
    "llama-swap": _llama_swap,
    "comfyui": _comfyui,
    "cron": _cron,
    "json": _json,
}
