"""Our expander of macros gives what the plugin documents for each."""

from __future__ import annotations

import datetime as dt

import pytest

from grafana.macros import ALL, Asked, UnknownMacroError, backend, browser, expand

SINCE = dt.datetime(2014, 11, 12, 11, 45, 26, 371_000, tzinfo=dt.UTC)
UNTIL = dt.datetime(2015, 11, 12, 11, 45, 26, 371_000, tzinfo=dt.UTC)
ASKED = Asked(SINCE, UNTIL, interval_seconds=20, variables={"model": ["a", "b'c"], "all": ALL, "some": [ALL]})
DAYS = "(d >= toDate('2014-11-12') AND d <= toDate('2015-11-12'))"
TIMES = "(t >= toDateTime(1415792726) AND t <= toDateTime(1447328726))"
MILLISECONDS = "c >= fromUnixTimestamp64Milli(1415792726371) AND c <= fromUnixTimestamp64Milli(1447328726371)"
NESTED = "toStartOfInterval(toDateTime(f(a, b)), INTERVAL 20 second) >= toDateTime(1415792726)"
# What the plugin's documentation and its own tests say of each macro.
DOCUMENTED = [
    ("$__fromTime", "toDateTime(1415792726)"),
    ("$__toTime", "toDateTime(1447328726)"),
    ("$__fromTime_ms", "fromUnixTimestamp64Milli(1415792726371)"),
    ("$__toTime_ms", "fromUnixTimestamp64Milli(1447328726371)"),
    ("$__interval_s", "20"),
    ("$__timeFilter(c)", "c >= toDateTime(1415792726) AND c <= toDateTime(1447328726)"),
    ("$__timeFilter_ms(c)", MILLISECONDS),
    ("$__dateFilter(c)", "c >= toDate('2014-11-12') AND c <= toDate('2015-11-12')"),
    ("$__dateTimeFilter(d, t)", f"{DAYS} AND {TIMES}"),
    ("$__dt(d, t)", f"{DAYS} AND {TIMES}"),
    ("$__timeFrom(c)", "c >= toDateTime(1415792726)"),
    ("$__timeTo(c)", "c <= toDateTime(1447328726)"),
    ("$__timeInterval(c)", "toStartOfInterval(toDateTime(c), INTERVAL 20 second)"),
    ("$__timeInterval_ms(c)", "toStartOfInterval(toDateTime64(c, 3), INTERVAL 20000 millisecond)"),
    ("$__timeGroup(c, 5m)", "toStartOfInterval(toDateTime(c), INTERVAL 300 second)"),
    ("$__timeGroup(c, '1h')", "toStartOfInterval(toDateTime(c), INTERVAL 3600 second)"),
    # one in the arguments of another, as 4.20 does it; and brackets in arguments
    ("$__timeFrom($__timeInterval(f(a, b)))", NESTED),
    # comments go before anything else, texts stay
    ("1 -- $__fromTime\n+ '-- x' /* $__nothing */", "1 \n+ '-- x'"),
]
IN_BROWSER = [
    ("$model", "'a','b'c'"),
    ("${model}", "'a','b'c'"),
    ("IN (${model:singlequote})", "IN ('a','b\\'c')"),
    ("$__conditionalAll(m IN (${model:singlequote}), $model)", "m IN ('a','b\\'c')"),
    ("$__conditionalAll(m IN (${all:singlequote}), $all)", "1=1"),
    ("$__conditionalAll(m IN (f(${some:singlequote}), 2), $some)", "1=1"),
    ("'${__timezone}'", "'utc'"),
    ("$unknown ${unknown} $__fromTime_ms", "$unknown ${unknown} $__fromTime_ms"),
]


@pytest.mark.parametrize(("text", "expected"), DOCUMENTED)
def test_backend_expands_as_documented(text: str, expected: str) -> None:
    """Each macro of the plugin's backend gives the output that its documentation shows."""
    assert backend(text, ASKED) == expected


@pytest.mark.parametrize(("text", "expected"), IN_BROWSER)
def test_browser_expands_as_documented(text: str, expected: str) -> None:
    """Conditions on variables and variables are replaced as the plugin and Grafana say; the rest is left alone."""
    assert browser(text, ASKED) == expected


def test_intervals_are_never_below_one() -> None:
    """A panel that asks for less than a second or a millisecond gets one."""
    short = Asked(SINCE, UNTIL, interval_seconds=0.0001)
    assert backend("$__interval_s $__timeInterval_ms(a)", short) == (
        "1 toStartOfInterval(toDateTime64(a, 3), INTERVAL 1 millisecond)"
    )


@pytest.mark.parametrize("text", ["$__conditionalAll(a, b)", "$__adHocFilters('t')", "$__timeFilter", "$__dt(a)"])
def test_backend_knows_no_other_macro(text: str) -> None:
    """What only the browser knows, and what has too few arguments, is refused: a rule must not hold it."""
    with pytest.raises(UnknownMacroError):
        backend(text, ASKED)


def test_values_of_variables_stay_what_they_are() -> None:
    """A name that looks like a comment or a call is still one text when both have been through it."""
    hostile = Asked(SINCE, UNTIL, variables={"model": ["a--b", "f(x", "/*", "q'); DROP"]})
    assert expand("m IN (${model:singlequote})", hostile) == r"m IN ('a--b','f(x','/*','q\'); DROP')"
