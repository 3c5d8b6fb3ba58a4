"""The YAML loader: what it reads is what stands there, with its line; what bites is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import yamlfile
from controller.yamlfile import MAX_BYTES, MAX_DEPTH, Document, Flaw, YamlError, read
from tests.unit.blocks import emit


def value(text: str) -> Any:
    documents = read(text.encode())
    assert len(documents) == 1
    return documents[0].value


def flaws(text: str | bytes) -> list[tuple[int, str]]:
    with pytest.raises(YamlError) as error:
        read(text if isinstance(text, bytes) else text.encode())
    return [(flaw.line, flaw.message) for flaw in error.value.flaws]


_TEXT = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs", "Cn"), exclude_characters="\ufeff"
    ),
    max_size=12,
)
_SCALARS = (
    st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False, width=32).filter(lambda f: abs(f) < 1e15)
    | _TEXT
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_JSON)
def test_json_like_documents_come_back_with_their_lines(doc: Any) -> None:
    text, lines = emit(doc)
    found = read(text.encode())[0]
    assert found.value == doc
    assert _types(found.value) == _types(doc)
    assert {path: found.lines[path] for path in lines} == lines
    assert set(found.lines) == set(lines)


def _types(value: Any) -> Any:
    """Types all the way down: 1, 1.0 and true are equal in Python."""
    if isinstance(value, dict):
        return {key: _types(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_types(inner) for inner in value]
    return type(value)


def attempt(data: bytes) -> tuple[list[Document], list[Flaw]]:
    try:
        return read(data), []
    except YamlError as error:
        return [], error.flaws


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_line_in_it(text: str) -> None:
    documents, wrong = attempt(text.encode(errors="surrogatepass"))
    assert bool(documents) != bool(wrong)
    last = len(text.splitlines()) + 1
    assert all(1 <= flaw.line <= last and flaw.message for flaw in wrong)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    documents, wrong = attempt(data)
    assert bool(documents) != bool(wrong)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("true", True), ("false", False), ("True", "True"), ("yes", "yes"), ("no", "no"),
        ("on", "on"), ("off", "off"), ("y", "y"),
        ("0", 0), ("-7", -7), ("+7", 7), ("0755", "0755"), ("0o17", "0o17"), ("0x1F", "0x1F"),
        ("1_000", "1_000"), ("12:30:00", "12:30:00"), ("190:20:30", "190:20:30"),
        ("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("1.2.3", "1.2.3"),
        ("2026-12-31", "2026-12-31"), ("2026-12-31T00:00:00Z", "2026-12-31T00:00:00Z"),
        ("'5'", "5"), ('"true"', "true"), ('"null"', "null"), ("'~'", "~"),
        ("123456789012", 123456789012), ("012345678901", "012345678901"),
        ("16.4", 16.4), ("sun:03:00-sun:04:00", "sun:03:00-sun:04:00"), ("--", "--"),
        ("=", "="), ("a b", "a b"), ("1 000", "1 000"), ("${ssm:/a}", "${ssm:/a}"),
    ],
)  # fmt: skip
def test_scalars_mean_what_yaml_1_2_says(text: str, meant: Any) -> None:
    found = value(f"a: {text}\n")["a"]
    assert found == meant
    assert type(found) is type(meant)


def test_a_very_long_number_is_text() -> None:
    assert value("a: " + "9" * 5000)["a"] == "9" * 5000


@pytest.mark.parametrize("text", ["null", "~", "Null", "NULL", ""])
def test_null_is_refused(text: str) -> None:
    assert flaws(f"b: 1\na: {text}\n") == [
        (2, "found no value (null), allowed: a value; or leave the key out")
    ]


@pytest.mark.parametrize("text", [".nan", ".inf", "-.inf", ".NaN", "1e999"])
def test_numbers_that_are_none_are_refused(text: str) -> None:
    [(line, message)] = flaws(f"a: 1\nb: {text}\n")
    assert line == 2
    assert "number" in message


@pytest.mark.parametrize("key", ["1", "true", "1.5", "~", "null"])
def test_keys_are_text(key: str) -> None:
    [(line, message)] = flaws(f"a: 1\n{key}: 2\n")
    assert (line, message) == (2, f"the key {key} is no text: put it in quotes")
    assert value(f"'{key}': 2") == {key: 2}


def test_a_key_of_several_parts_is_refused() -> None:
    [(line, message)] = flaws("a: 1\n? [x, y]\n: 2\n")
    assert line == 2
    assert "keys are plain words" in message


def test_every_duplicate_key_is_told_with_the_first() -> None:
    text = "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\n"
    assert flaws(text) == [
        (5, "the key c is there twice (first in line 3)"),
        (6, "the key a is there twice (first in line 1)"),
    ]


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "a:\n  b: 1\n\tc: 2\n", "\ta: 1\n"])
def test_tabs_are_named(text: str) -> None:
    [(line, message)] = flaws(text)
    assert text.splitlines()[line - 1].startswith("\t")
    assert message == "a tab: YAML is indented with spaces only"


def test_a_tab_inside_a_text_is_text() -> None:
    assert value("a: 'x\ty'\nb: |\n  if x:\n  \ty\n") == {"a": "x\ty", "b": "if x:\n\ty\n"}


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b"a: 1\nb: \xff\xfe\n", 2, "not UTF-8: byte 0xff"),
        ("a: ü\n".encode("latin-1"), 1, "not UTF-8: byte 0xfc"),
        ("a: 1\n".encode("utf-16"), 1, "not UTF-8 (it looks like UTF-16): save the file as UTF-8"),
        (b"a: 1\nb: \x00\n", 2, "the control character U+0000: remove it"),
        (b"a: \x1b[31m\n", 1, "the control character U+001B: remove it"),
    ],
)
def test_only_utf_8_text(data: bytes, line: int, says: str) -> None:
    assert flaws(data) == [(line, says)]


def test_a_byte_order_mark_is_no_flaw() -> None:
    assert read(b"\xef\xbb\xbfa: 1\n")[0].value == {"a": 1}


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n---\n", "---\n# x\n...\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    assert flaws(text) == [(1, "empty: a desired-state file begins with an Environment")]


def test_documents_with_nothing_in_them_are_left_out() -> None:
    found = read(b"---\na: 1\n---\n---\n# nothing\n---\nb: 2\n")
    assert [(d.value, d.line) for d in found] == [({"a": 1}, 2), ({"b": 2}, 7)]


def test_the_size_is_limited() -> None:
    [(line, message)] = flaws(b"# " + b"x" * 5_000_000)
    assert line == 1
    assert f"{MAX_BYTES:,}" in message


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_nesting_is_limited(opening: str) -> None:
    [(_, message)] = flaws(opening * 100_000)
    assert "nested deeper" in message or "not valid YAML" in message
    [(_, message)] = flaws("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2))
    assert message == f"nested deeper than {MAX_DEPTH} levels"


def test_aliases_stand_for_their_value() -> None:
    [found] = read(b"a: &x\n  b: [1, 2]\nc: *x\n")
    assert found.value == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}
    assert found.lines["c",] == 3
    assert found.lines["c", "b"] == 2


def test_alias_bombs_are_bounded() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    began = time.monotonic()
    [(_, message)] = flaws("\n".join(rows))
    assert "once aliases are expanded" in message
    assert time.monotonic() - began < 5


def test_many_anchors_are_no_burden() -> None:
    began = time.monotonic()
    value("".join(f"k{n}: &k{n} [1]\n" for n in range(20_000)))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &x [*x]", "stands inside its own anchor"),
        ("a: *nowhere", "has no anchor before it"),
        ("a: !!python/object/apply:os.system ['true']", "the tag !!python/object/apply:os.system"),
        ("a: !Ref x", "the tag !Ref"),
        ("a: !!str 5", "the tag !!str"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "a merge key (<<)"),
        ("a: b: c", "a second `:` in one line"),
        ("a: [1, 2", "not valid YAML"),
        ("a: 'x", "not valid YAML"),
        ("a: @x", "belongs in quotes"),
        ("a: {b: 1}}", "not valid YAML"),
        ("a: 1\n b: 2", "not valid YAML"),
        ("a:\n- b\n c: d", "not valid YAML"),
        ("%YAML 9.9\n---\na: 1", "not valid YAML"),
    ],
)
def test_what_is_no_yaml_of_ours_is_refused(text: str, says: str) -> None:
    [(line, message)] = flaws(text)
    assert says in message
    assert 1 <= line <= len(text.splitlines()) + 1


def test_without_libyaml_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    text = b"a: 1\nb: [x, 'y', true]\nc:\n  d: |\n    text\n---\ne: ${x}\n"
    fast = read(text)
    monkeypatch.setattr(yamlfile, "Loader", yaml.SafeLoader)
    assert read(text) == fast
