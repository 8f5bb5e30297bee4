"""Writes the names that may pass into the collector's configuration, from the lists the local receiver goes by.

``make collector-names`` fills the sections between markers of ``collector_config/collector.yaml``; a test compares, so
that the two doors never differ by a name. What each statement is for is said in the YAML, above its markers.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.receiver import allow
from modeltally.receiver.attributes import OTHER_SCOPE
from modeltally.receiver.spans.filter import REDACTED_EVENT, REDACTED_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

CONFIGURATION: Final = Path(__file__).parents[2] / "collector_config" / "collector.yaml"

# What our own prefix stands for is written by our wrappers, as plain values; what libraries write may be anything.
_OURS: Final = "modeltally."
_WIDTH: Final = 100


def _keep(target: str, names: Iterable[str]) -> list[str]:
    """Keep these names of a map."""
    quoted = ", ".join(f'"{name}"' for name in sorted(names))
    lines = textwrap.wrap(quoted, _WIDTH, break_on_hyphens=False, break_long_words=False)
    return ["- >-", f"  keep_keys({target}, [", *(f"    {line}" for line in lines), "  ])"]


def _plain(target: str, names: Iterable[str]) -> list[str]:
    """Delete these names of a map where their values are no plain ones: bytes, maps, lists."""
    lines = []
    for name in sorted(name for name in names if not name.startswith(_OURS)):
        value = f'{target}["{name}"]'
        checks = " or ".join(f"{check}({value})" for check in ("IsString", "IsInt", "IsDouble", "IsBool"))
        lines += ["- >-", f'  delete_key({target}, "{name}") where {value} != nil and', f"  not ({checks})"]
    return lines


def _door(target: str, names: Iterable[str]) -> list[str]:
    """Keep these names of a small map, each once, with plain values."""
    once = f'{target.partition(".")[0]}.cache["one"]'
    last = [f"- set({once}, {{}})", f'- merge_maps({once}, {target}, "upsert")', f"- set({target}, {once})"]
    return [*_keep(target, names), *last, *_plain(target, names)]


def _text_of(pattern: str) -> str:
    """Write a pattern into a statement; both languages read ours alike."""
    return pattern.replace("\\", "\\\\")


def _whole(pattern: re.Pattern[str]) -> str:
    """Write a pattern that a whole text must match."""
    return f'"^(?:{_text_of(pattern.pattern)})$"'


def _not_own(target: str) -> list[str]:
    """Keep what is a name of a host's own: the parts of ``is_own_name``."""
    prefixes = "|".join(sorted(allow._TAKEN_PREFIXES))
    is_copied = f"{target} != nil"
    return [
        f"- keep_matching_keys({target}, {_whole(allow._OWN_NAME)}) where {is_copied}",
        f'- delete_matching_keys({target}, "^(?s:.{{{allow._MAX_NAME_CHARACTERS + 1},}})$") where {is_copied}',
        f'- delete_matching_keys({target}, "^(?i:{prefixes})[.]") where {is_copied}',
    ]


def _replace(target: str, other: str, pattern: str) -> list[str]:
    """Replace a text that does not match."""
    return [
        "- >-",
        f'  set({target}, "{other}") where {target} != "{other}" and',
        f"  not IsMatch({target}, {pattern})",
    ]


def _scopes() -> list[str]:
    """Replace names and versions of scopes that may be texts."""
    name = _replace("scope.name", OTHER_SCOPE, f'"^(?:|{_text_of(allow.SCOPE_NAME.pattern)})$"')
    return [*name, *_replace("scope.version", "", _whole(allow.SCOPE_VERSION))]


def _span_names() -> list[str]:
    """Replace names of spans that say more than what is done, and to what the attributes name."""
    verb = 'span.cache["verb"]'
    known = [f'span.name == Concat([{verb}, span.attributes["{name}"]], " ")' for name in allow.SPAN_SUBJECTS]
    return [
        *_replace("span.name", REDACTED_NAME, f'"^(?:{_text_of(allow.SPAN_VERB.pattern)})(?: |$)"'),
        f'- set({verb}, Split(span.name, " ")[0])',
        "- >-",
        f'  set(span.name, "{REDACTED_NAME}") where span.name != {verb} and not (',
        *(f"  {comparison}{' or' if comparison != known[-1] else ''}" for comparison in known),
        "  )",
    ]


def _events() -> list[str]:
    """Keep what is known of events."""
    names = "|".join(re.escape(name) for name in sorted(allow.EVENT_NAMES))
    value = 'spanevent.attributes["exception.type"]'
    return [
        *_door("spanevent.attributes", allow.EVENT_ATTRIBUTES),
        "- >-",
        f'  delete_key(spanevent.attributes, "exception.type") where {value} != nil and',
        f"  not IsMatch({value}, {_whole(allow.EXCEPTION_TYPE)})",
        *_replace("spanevent.name", REDACTED_EVENT, f'"^(?:{_text_of(names)})$"'),
    ]


def _open(target: str, pattern: re.Pattern[str]) -> list[str]:
    """Keep the names whose last part is open."""
    return [f'- keep_matching_keys({target}, "^(?:{_text_of(pattern.pattern)})$") where {target} != nil']


def _other_metrics() -> list[str]:
    """Metrics that are not taken."""
    prefixes = "|".join(re.escape(prefix) for prefix in allow.METRIC_PREFIXES)
    return [
        f'- not IsMatch(metric.name, "^(?:{_text_of(prefixes)})")',
        f'- not IsMatch(metric.name, "^{_text_of(allow.METRIC_NAME.pattern)}$")',
    ]


SECTIONS: Final[Mapping[str, Callable[[], list[str]]]] = {
    "resource": lambda: _door("resource.attributes", allow.RESOURCE_ATTRIBUTES),
    "plain values": lambda: _plain("span.attributes", allow.SPAN_ATTRIBUTES),
    "spans": lambda: _keep("span.attributes", allow.SPAN_ATTRIBUTES),
    "own names": lambda: _not_own('span.cache["own"]'),
    "open names": lambda: _open('span.cache["open"]', allow.OPEN_NAMES),
    "scopes": _scopes,
    "span names": _span_names,
    "events": _events,
    "units": lambda: _replace("metric.unit", "", _whole(allow.METRIC_UNIT)),
    "other metrics": _other_metrics,
    "points": lambda: _keep("datapoint.attributes", allow.POINT_ATTRIBUTES),
    "open names of points": lambda: _open('datapoint.cache["open"]', allow.POINT_OPEN_NAMES),
}


def filled(text: str) -> str:
    """Put every section between its markers; a section may occur more than once."""
    for name, section in SECTIONS.items():
        begin, end = f"# {name}: begin", f"# {name}: end"
        if text.count(begin) != text.count(end) or begin not in text:
            raise ValueError(f"{CONFIGURATION} has no markers {begin!r} and {end!r}, or one of them only")
        pieces = text.split(begin)
        for index, piece in enumerate(pieces[1:], start=1):
            indent = " " * (len(pieces[index - 1]) - len(pieces[index - 1].rstrip(" ")))
            lines = "".join(f"{indent}{line}\n" for line in section())
            pieces[index] = f"\n{lines}{indent}{end}{piece.split(end, 1)[1]}"
        text = begin.join(pieces)
    return text


if __name__ == "__main__":
    CONFIGURATION.write_text(filled(CONFIGURATION.read_text()))
    sys.exit(0)
