"""``models.toml``: what it says, and what is said of it where it is wrong, to the line."""

from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeltally.availability._toml_lines import lines_of
from modeltally.availability.declared import DeclaredModel, ModelPriority, read_declared
from modeltally.availability.declaring import write_declaration
from modeltally.availability.found import KINDS
from modeltally.errors import InputError

GOOD = """\
# what the studio needs
[[models]]
model = "t2v-A14B"
source = "huggingface:Wan-AI/Wan2.2-T2V-A14B"
task = "text-to-video"
priority = "CRITICAL"
pin = true
revision = "refs/pr/3"
aliases = ["wan-t2v", "Wan2.2"]
price.gpu-hour = 2.50
price.currency = "USD"

[[models]]
model = "i2v-A14B"
files = [
  "*.safetensors",  # weights
  "*.json",
]

[models.price]
request = 0.01
currency = "EUR"
from = 2026-03-01

[[models]]
model = "style-lora"
base = "t2v-A14B"
source = "comfyui"
"""


def error_of(tmp_path: Path, text: str | bytes) -> str:
    """Read a wrong file and give what is said, without its own name."""
    path = tmp_path / "models.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as raised:
        read_declared(path)
    return str(raised.value).removeprefix(f"{path}, ")


def test_declaration_is_read(tmp_path: Path) -> None:
    """Every key comes out as it was meant, defaults where nothing is said."""
    path = tmp_path / "models.toml"
    path.write_text(GOOD)
    first, second, third = read_declared(path).models
    assert (first.store, first.name_there) == ("huggingface", "Wan-AI/Wan2.2-T2V-A14B")
    assert first.names == ("t2v-A14B", "Wan-AI/Wan2.2-T2V-A14B", "wan-t2v", "Wan2.2")
    assert (first.priority, first.pin, first.task) == (ModelPriority.CRITICAL, True, "text-to-video")
    assert first.price is not None
    assert (str(first.price.gpu_hour), first.price.currency) == ("2.5", "USD")
    assert second.price is not None
    assert (second.files, str(second.price.valid_from)) == (("*.safetensors", "*.json"), "2026-03-01")
    assert (third.store, third.base, third.priority) == ("comfyui", "t2v-A14B", ModelPriority.MEDIUM)
    path.write_text("")
    assert read_declared(path).models == ()


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        (
            'priority = "URGENT"',
            'priority = "CRITICAL"',
            "line 6: models[0].priority is 'URGENT'; allowed: CRITICAL, H",
        ),
        ('pin = "yes"', "pin = true", "line 7: models[0].pin is 'yes'; allowed: true or false"),
        ("pin = 1", "pin = true", "line 7: models[0].pin is 1; allowed: true or false"),
        ("price.gpu-hour = -1", "price.gpu-hour = 2.50", "line 10: models[0].price.gpu-hour is -1; allowed: an amount"),
        ("price.gpu-hour = inf", "price.gpu-hour = 2.50", "line 10: models[0].price.gpu-hour is inf; allowed"),
        (
            'price.currency = "usd"',
            'price.currency = "USD"',
            "line 11: models[0].price.currency is 'usd'; allowed: thr",
        ),
        ('  "*.json", 7', '  "*.json",', "line 17: models[1].files[2] is 7; allowed: patterns"),
        ("currency = 7", 'currency = "EUR"', "line 22: models[1].price.currency is 7; allowed"),
        ('"from" = "soon"', "from = 2026-03-01", "line 23: models[1].price.from is 'soon'; allowed: a day"),
        (
            'mode = "x"',
            'task = "text-to-video"',
            "line 5: models[0].mode is no key; did you mean model? allowed: model,",
        ),
        ('source = "hugging:x"', 'source = "comfyui"', "line 28: models[2].source is 'hugging:x'; allowed: KIND or K"),
        ('name = "style"', 'model = "style-lora"', "line 25: models[2].model is missing; allowed: a name"),
        ('model = "T2V-a14b"', 'model = "style-lora"', "line 26: models[2].model is 'T2V-a14b', the name of models[0]"),
        ('revision = "a b"', 'revision = "refs/pr/3"', "line 8: models[0].revision is 'a b'; allowed: a branch"),
        ('model = ""', 'model = "style-lora"', "line 26: models[2].model is ''; allowed: a name"),
        ('aliases = "x"', 'aliases = ["wan-t2v", "Wan2.2"]', "line 9: models[0].aliases is 'x'; allowed: names"),
        (
            '[[model]]\nmodel = "style-lora"',
            '[[models]]\nmodel = "style-lora"',
            "line 25: model is no key; did you mean",
        ),
    ],
)
def test_error_names_line_key_value_and_what_is_allowed(tmp_path: Path, wrong: str, right: str, told: str) -> None:
    """Each wrong value is found on its line: in tables of arrays, behind dots, within lists of several lines."""
    assert GOOD.count(right) == 1
    assert told in error_of(tmp_path, GOOD.replace(right, wrong))


def test_all_errors_are_told_at_once_in_order(tmp_path: Path) -> None:
    """Who mends one line need not come back for the next; a flood of errors is cut."""
    said = error_of(tmp_path, '[[models]]\npin = 3\n[[models]]\nmodel = 4\npriority = "x"\n')
    assert said.count("line ") == 4
    assert said.index("line 1: models[0].model is missing") < said.index("line 2:") < said.index("line 5:")
    assert "and 80 more" in error_of(tmp_path, "[[models]]\n" * 100)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[models]\n", "line 1"),
        ('a = "\n', "line 1"),
        (b"[[models]]\nmodel = 'caf\xe9'\n", "line 2: is no text in UTF-8"),
        ("models = 3", "line 1: models is 3; allowed: [[models]] tables"),
        ("models = [3]", "line 1: models[0] is 3; allowed: a table"),
        ('models = [{model = "a"},\n  {model = "b", pin = 3}]', "line 2: models[1].pin is 3"),
        ("a = " + "[" * 5000, "TOML"),
    ],
)
def test_what_is_no_declaration_at_all_is_told(tmp_path: Path, text: str | bytes, told: str) -> None:
    """Broken TOML, another encoding, other shapes."""
    assert told in error_of(tmp_path, text)


def test_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder, a missing file and a huge one are refused in words."""
    (tmp_path / "huge.toml").write_bytes(b"#" * 5_000_000)
    for path in (tmp_path, tmp_path / "none.toml", tmp_path / "huge.toml"):
        with pytest.raises(InputError, match="cannot read the declared models"):
            read_declared(path)


DOTTED = '''\
a.b."c.d" = 1
'e f'.g = """
x = 1
[not.a.table]
"""   # a comment = 3
[t.u] # = 4
k = { in = 1, "li\\u006ee" = [1, 2] }
[[t.arrays]]
x = 1
[[t.arrays]]
x = [
  1, # [[t.arrays]]
  { y = 2 },
  ["""]"""],
]
[t.arrays.deep]
z = 2026-01-01 10:00:00
[[t.arrays.more]]
w = 'it''
'''.replace("'it''", "'it'")
EXPECTED = {
    ("a", "b", "c.d"): 1,
    ("e f", "g"): 2,
    ("t", "u"): 6,
    ("t", "u", "k", "in"): 7,
    ("t", "u", "k", "line", 1): 7,
    ("t", "arrays", 0, "x"): 9,
    ("t", "arrays", 1): 10,
    ("t", "arrays", 1, "x", 0): 12,
    ("t", "arrays", 1, "x", 1, "y"): 13,
    ("t", "arrays", 1, "x", 2, 0): 14,
    ("t", "arrays", 1, "deep", "z"): 17,
    ("t", "arrays", 1, "more", 0, "w"): 19,
}


def test_lines_of_dotted_keys_and_arrays_of_tables() -> None:
    """Keys behind dots and in quotes, nested arrays of tables, texts that look like tables."""
    lines = lines_of(DOTTED)
    assert {path: lines[path] for path in EXPECTED} == EXPECTED


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], object]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: dict[tuple[str | int, ...], object] = {path: value} if path else {}
    for key, inner in items:
        found |= _paths(inner, (*path, key))
    return found


KEY = st.text(string.ascii_letters + "-_ .é\"'#[]=\\", min_size=1, max_size=6).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
) | st.text(string.ascii_letters, min_size=1, max_size=4)
VALUE = st.recursive(
    st.sampled_from(["1", "true", "2026-01-01", "'a#b'", '"x\\"]"', "'''a\n[b]\n'''", '"""q""""', "-inf"]),
    lambda inner: st.lists(inner, max_size=3).map(lambda each: "[\n" + ",\n# ]\n".join(each) + "\n]"),
    max_leaves=6,
)
STATEMENT = st.one_of(
    st.tuples(st.lists(KEY, min_size=1, max_size=3), VALUE).map(lambda pair: ".".join(pair[0]) + " = " + pair[1]),
    st.lists(KEY, min_size=1, max_size=2).map(lambda keys: "[" + " . ".join(keys) + "]  # [x]"),
    st.lists(KEY, min_size=1, max_size=2).map(lambda keys: "[[" + ".".join(keys) + "]]"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STATEMENT, max_size=8))
def test_every_key_of_any_document_has_its_line(statements: list[str]) -> None:
    """Whatever the real parser accepts, each key it found has a line, and the key stands on it."""
    text = "\n".join(statements)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines, split = lines_of(text), text.split("\n")
    found = _paths(content)
    assert found.keys() == lines.keys()
    for path, line in lines.items():
        if isinstance(path[-1], str) and path[-1].isalpha():
            assert path[-1] in split[line - 1]


def test_declaration_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """What is there stays unless told otherwise; what could not be read again is not written; nothing is left over."""
    path = tmp_path / "models.toml"
    write_declaration(GOOD, path)
    with pytest.raises(InputError, match="is there already; --force replaces it"):
        write_declaration("", path)
    assert path.read_text() == GOOD
    with pytest.raises(InputError, match="is no key"):
        write_declaration("x = 1", path, is_forced=True)
    assert path.read_text() == GOOD
    write_declaration("", path, is_forced=True)
    assert path.read_text() == ""
    with pytest.raises(InputError, match="cannot write"):
        write_declaration("", tmp_path / "no" / "models.toml")
    assert [each.name for each in tmp_path.iterdir()] == ["models.toml"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_page_tells_what_the_code_takes(tmp_path: Path) -> None:
    """The page's example is read as it stands, its table has every key, and the mistake it quotes is told like that."""
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    path = tmp_path / "models.toml"
    path.write_text(example)
    assert len(read_declared(path).models) == 2
    table = re.findall(r"^\| `(\w+)` \|", page.partition("| key |")[2], flags=re.MULTILINE)
    assert table == list(DeclaredModel.model_fields)
    (quoted,) = re.findall(r"`models\.toml, (line.*?)`", page)
    assert error_of(tmp_path, example.replace('"CRITICAL"', '"URGENT"', 1)) == quoted
    assert all(f"`{kind}`" in page for kind in KINDS)
