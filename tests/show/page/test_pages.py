"""Pages are whole, safe and honest: what each holds, what it refuses, and what of it is left when a part fails."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from modeltally.errors import StoreError
from modeltally.show.page.pages import MENU, PAGES
from show.page.conftest import HOSTILE, USER
from show.page.parsed import parsed

if TYPE_CHECKING:
    from modeltally.analytics.topic import Topic
    from modeltally.server import LocalServer
    from show.api.conftest import Client

EVERY_PAGE = ["/", *PAGES, "/models/org%2Fflux", f"/users/{USER}", "/topics/models", "/?window=all&tz=Asia/Kolkata"]


@pytest.mark.slow(seconds=35, why="every page")
@pytest.mark.parametrize("path", EVERY_PAGE)
def test_page_is_whole_and_has_nothing_from_elsewhere(client: Client, path: str) -> None:
    """One heading and main part, no script or style in the page itself, links that lead somewhere, here."""
    answered = client.get(path)
    assert answered.status == 200
    content = parsed(answered.body)
    assert (len(content.of("h1")), len(content.of("main"))) == (1, 1)
    assert "This block failed" not in content.text
    assert answered.headers["cache-control"] == "no-store"
    policy = answered.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert all(set(script) >= {"src"} for script in content.of("script"))
    assert not content.of("style")
    for _, attributes in content.elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
    wanted = [value for _, one in content.elements for name, value in one.items() if name in {"src", "href", "action"}]
    assert not [value for value in wanted if not value.startswith(("/", "#"))]
    for link in sorted({link for link in content.links() if link.startswith("/")})[:30]:
        assert client.send("HEAD", link).status == 200, link


def test_page_names_window_and_zone(client: Client) -> None:
    """Beside every figure stands its zone, and links keep window, zone and search."""
    content = parsed(client.get("/?window=30d&tz=Europe/Berlin&q=flux").body)
    for block in ("figures", "course", "models", "failures"):
        assert "Europe/Berlin" in content.blocks[block], block
    assert content.blocks["figures"].count("last 30 d · Europe/Berlin") >= 6
    broken = client.get("/topics/models?window=30d&tz=Europe/Berlin&q=broken").body
    assert "2026-03-09 13:30" in parsed(broken).text
    sorting = next(link for link in content.links() if "sort=-users" in link)
    assert "window=30d" in sorting
    assert "tz=Europe%2FBerlin" in sorting
    assert "q=flux" in sorting


def test_figures_are_those_of_the_topics(client: Client) -> None:
    """The large figures are those that the topics give, and the window before stands beside them."""
    content = parsed(client.get("/").body)
    now = client.get("/topics/overview.json?window=7d").content["rows"][0]
    assert content.facts["Requests"] == str(now["requests"])
    assert content.facts["Success"] == str(now["success_rate"])
    assert content.facts["p95"] == str(now["p95_ms"])
    assert content.facts["Users"] == str(now["users"])
    assert "before: 8" in content.blocks["figures"]


def test_list_has_every_model_ever_seen(client: Client) -> None:
    """Models that idle, were never used or fail are in the list, and each tab holds its own."""
    answered = client.get("/models.csv")
    states = {row["model"]: row["state"] for row in csv.DictReader(io.StringIO(answered.body.decode()))}
    assert (states["org/flux"], states["old"], states["shelf"]) == ("in use", "idle", "never used")
    assert states["broken"] == "failing"
    for tab, names in (("idle", ["old"]), ("never-used", ["shelf"]), ("failing", ["broken"])):
        table = parsed(client.get(f"/?tab={tab}").body).table("models")
        assert [row[0] for row in table.rows] == names
    assert "nobody reports which files" in parsed(client.get("/?tab=removed").body).blocks["models"].lower()


def test_list_is_sorted_and_searched_by_the_address(client: Client) -> None:
    """Each heading sorts by its column and says so; a search leaves what has the text in its name."""
    table = parsed(client.get("/?sort=last_used_at").body).table("models")
    assert table.rows[0][0] == "old"
    assert table.rows[-1][0] == "shelf"
    assert list(table.sorted.values()) == ["ascending"]
    found = parsed(client.get("/?q=FLUX").body).table("models")
    assert [row[0] for row in found.rows] == ["org/flux"]
    assert "no name contains 'nothing'" in parsed(client.get("/?q=nothing").body).blocks["models"].lower()


def test_model_of_few_requests_says_how_many(client: Client) -> None:
    """Beside a quantile of fewer than twenty stands their number."""
    table = parsed(client.get("/").body).table("models")
    row = next(row for row in table.texts if row[0] == "sdxl")
    assert any(cell.endswith("n=6") for cell in row)


def test_needs_name_who_fails_and_why(client: Client) -> None:
    """What needs somebody is there in words, with where to look; a name from outside is only text."""
    content = parsed(client.get("/").body)
    said = content.blocks["needs"]
    assert "broken" in said
    assert "100.0% of 12 requests" in said
    assert any(link.startswith("/failures?") for link in content.links())


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_text(client: Client, name: str) -> None:
    """A name of HTML, scripts, another direction or three thousand letters is text wherever it stands."""
    link = f"/models/{quote(name, safe='')}?window=30d"
    assert link in parsed(client.get("/?window=30d", {"X-Blocks": "models"}).body).links()
    asked = (
        (link, "facts,course,failures-by-model"),
        (f"/topics/by-user?kind=model&subject={quote(name)}", "ask,rows"),
        (f"/failures?window=30d&q={quote(name[:200])}", "failures-by-model"),
    )
    for path, blocks in asked:
        body = client.get(path, {"X-Blocks": blocks}).body.decode()
        content = parsed(body.encode())
        tags = [tag for tag, _ in content.elements]
        assert not {"script", "img", "b", "title"}.intersection(tags)
        assert "49" not in body or "7*7" not in name
        # in a field it stands as it is, where it turns nothing else
        assert "\u202e" not in content.text


def test_hostile_name_has_its_own_direction(client: Client) -> None:
    """A name that is written from the right does not turn what stands around it."""
    body = client.get("/models/" + quote(HOSTILE[3], safe="")).body.decode()
    assert "\u202e" not in body
    assert "<h1><bdi>" in body


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("window=9d", 400, "window="),
        ("window=" + "x" * 500, 400, "window="),
        ("since=tomorrow", 400, "--since"),
        ("since=2026-03-02&until=2026-03-01", 400, "is not before"),
        ("since=1900-01-01", 400, "years 2000 to 2100"),
        ("tz=Europe/Berlinn", 400, "Europe/Berlin"),
        ("tz=../../etc/passwd", 400, "tz="),
        ("tz=%00", 400, "tz="),
        ("page=0", 400, "page="),
        ("page=99999999999999999999", 400, "page="),
        ("page=²", 400, "page="),
        ("page=1e9", 400, "page="),
        ("sort=a;b", 400, "sort="),
        ("q=" + "x" * 201, 400, "201"),
        ("tab=nope", 404, "tab"),
        ("chart=nope", 404, "chart"),
    ],
)
def test_wrong_address_is_told(client: Client, query: str, status: int, word: str) -> None:
    """What an address says wrong is named on a page of its own, with what is allowed."""
    answered = client.get("/?" + quote(query, safe="=&;/%"))
    assert answered.status == status
    content = parsed(answered.body)
    assert word in content.text
    assert "Traceback" not in content.text
    assert len(content.of("h1")) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [("/topics/nope", 404), ("/topics/models.xml", 404), ("/models.xml", 404), ("/actions/erase-user", 405)],
)
def test_unknown_path_is_told(client: Client, path: str, status: int) -> None:
    """A topic or a format that there is not is told; an action is not something to look at."""
    assert client.get(path).status == status


def test_unknown_column_fails_its_block_alone(client: Client) -> None:
    """Sorting by a column that a table has not says which there are, and leaves the other blocks."""
    content = parsed(client.get("/?sort=nope").body)
    assert "names no column of this table" in content.blocks["models"]
    assert content.facts["Requests"]
    assert "This block failed" not in content.blocks["failures"]


def test_failing_block_leaves_others_alone(
    client: Client, running: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question that the store cannot answer shows its error where its block would be."""
    assert running._statistics is not None
    ask = running._statistics.ask

    def failing(self: object, topic: Topic[Any], *args: Any, **kwargs: Any) -> Any:
        del self
        if topic.name == "failures":
            raise StoreError("failures_by_error_type failed: <b>boom</b>")
        return ask(topic, *args, **kwargs)

    monkeypatch.setattr(type(running._statistics), "ask", failing)
    content = parsed(client.get("/?window=24h").body)
    assert (
        "This block failed, the others stand. failures_by_error_type failed: <b>boom</b>" in content.blocks["failures"]
    )
    assert content.facts["Requests"] == "32"


def test_part_of_a_page_is_asked_for_alone(client: Client) -> None:
    """The module of a page, and htmx, get the blocks they name and nothing else."""
    named = client.get("/", {"X-Blocks": "figures,needs"})
    assert list(parsed(named.body).blocks) == ["needs", "figures"]
    assert b"<html" not in named.body
    swapped = client.get("/?sort=model", {"HX-Request": "true", "HX-Target": "section#models"})
    assert list(parsed(swapped.body).blocks) == ["models"]
    assert "HX-Target" in swapped.headers["vary"]
    assert client.get("/", {"X-Blocks": "nope"}).body == b""


def test_head_has_no_body(client: Client) -> None:
    """Whoever only wants to know whether there is a page asks nothing of the store."""
    answered = client.send("HEAD", "/")
    assert (answered.status, answered.body) == (200, b"")


def test_theme_of_the_reader_wins(client: Client) -> None:
    """A cookie says light or dark; any other value is ignored."""
    assert b'data-theme="dark"' in client.get("/topics", {"Cookie": "modeltally_theme=dark"}).body
    assert b"data-theme" not in client.get("/topics", {"Cookie": 'modeltally_theme="><b>'}).body


def test_week_is_told_as_text(client: Client) -> None:
    """The grid of weekdays and hours has a number in each cell, of which colours are only a hint."""
    table = parsed(client.get("/?window=30d").body).table("week")
    counts = [int(cell) for row in table.rows for cell in row[1:]]
    assert len(counts) == 168
    assert sum(counts) == client.get("/topics/overview.json?window=30d").content["rows"][0]["requests"]


def test_menu_names_every_page() -> None:
    """No page is left out of the menu."""
    assert [path for path, _ in MENU] == ["/", *PAGES]
