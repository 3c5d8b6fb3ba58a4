"""`${…}`: parsed, found, filled in, escaped, put in order."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.references import (
    UNRESOLVED,
    BadReference,
    Cycle,
    Reference,
    escape,
    find,
    order,
    parse,
    resolve,
    unescape,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "${DBInstance.main.endpoint.address}",
            Reference("${DBInstance.main.endpoint.address}", "resource", "DBInstance/main",
                      "endpoint.address", whole=True),
        ),
        (
            "redis://${ReplicationGroup.cache-1.primary.address}:6379",
            Reference("${ReplicationGroup.cache-1.primary.address}", "resource",
                      "ReplicationGroup/cache-1", "primary.address"),
        ),
        ("${ssm:/a/b-c_d.e}", Reference("${ssm:/a/b-c_d.e}", "ssm", parameter="/a/b-c_d.e",
                                        whole=True)),
        ("${ssm:plain}", Reference("${ssm:plain}", "ssm", parameter="plain", whole=True)),
        ("x-${Environment.name}", Reference("${Environment.name}", "environment", output="name")),
        ("${self.arn}", Reference("${self.arn}", "self", output="arn", whole=True)),
        (
            "${Secret.x.value@abc-1}",
            Reference("${Secret.x.value@abc-1}", "resource", "Secret/x", "value@abc-1", whole=True),
        ),
    ],
)  # fmt: skip
def test_what_a_reference_means(text: str, expected: Reference) -> None:
    assert parse(text) == [expected]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("${}", "allowed: ${Kind.name.output}"),
        ("${Kind}", "allowed: ${Kind.name.output}"),
        ("${Kind.name}", "allowed: ${Kind.name.output}"),
        ("${kind.name.output}", "allowed: ${Kind.name.output}"),
        ("${Kind.Name.output}", "allowed: ${Kind.name.output}"),
        ("${ssm:}", "allowed: ${Kind.name.output}"),
        ("${ssm:/a b}", "allowed: ${Kind.name.output}"),
        ("${HOME}", "$${ is a literal ${"),
        ("${Environment.nam}", "allowed: ${Environment.name}"),
        ("a ${Kind.name.output", "without its closing }"),
        ("${Kind.${x}.output}", "without its closing }"),
    ],
)
def test_what_means_nothing_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadReference) as error:
        parse(text)
    assert says in str(error.value)


def test_several_references_in_one_text() -> None:
    refs = parse("${A.a.x}:${B.b.y} $${C.c.z} ${ssm:/p}")
    assert [r.text for r in refs] == ["${A.a.x}", "${B.b.y}", "${ssm:/p}"]
    assert not any(r.whole for r in refs)


def test_a_literal_is_no_reference() -> None:
    assert parse("echo $${HOME} $HOME $(date) {x}") == []


def test_find_says_where() -> None:
    doc = {"a": ["x", {"b": "${A.a.x}"}], "c": 5, "d": "${ssm:/p}"}
    assert [(path, ref.text) for path, ref in find(doc)] == [
        (("a", 1, "b"), "${A.a.x}"),
        (("d",), "${ssm:/p}"),
    ]


VALUES = {"A/a": 5432, "B/b": "host", "L/l": ["s-1", "s-2"], "T/t": True, "X/x": "a ${b} c"}


def lookup(ref: Reference) -> Any:
    return VALUES.get(ref.resource, UNRESOLVED)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("${A.a.x}", 5432),
        ("${L.l.x}", ["s-1", "s-2"]),
        ("${T.t.x}", True),
        ("${B.b.x}:${A.a.x}", "host:5432"),
        ("is ${T.t.x}", "is true"),
        ("${N.n.x}", "${N.n.x}"),
        ("${B.b.x}/${N.n.x}", "host/${N.n.x}"),
        ("$${B.b.x}", "$${B.b.x}"),
        ("${X.x.x}", "a $${b} c"),
        ("see ${X.x.x}", "see a $${b} c"),
        (7, 7),
    ],
)
def test_resolve(text: Any, becomes: Any) -> None:
    doc = resolve({"at": [text]}, lookup)
    assert doc == {"at": [becomes]}
    assert type(doc["at"][0]) is type(becomes)


def test_a_list_is_no_part_of_a_text() -> None:
    with pytest.raises(BadReference, match="can't stand inside a text"):
        resolve("x ${L.l.x}", lookup)


def test_the_document_itself_stays() -> None:
    doc = {"a": ["${A.a.x}"]}
    resolve(doc, lookup)
    assert doc == {"a": ["${A.a.x}"]}


_PIECES = st.sampled_from(["$", "{", "}", "${", "$${", "a", " ", ".", "${A.a.x}", "\n", "A.a"])
_ANY = st.lists(_PIECES, max_size=12).map("".join)


@given(_ANY)
def test_escaped_text_holds_no_reference_and_comes_back(text: str) -> None:
    assert parse(escape(text)) == []
    assert unescape(escape(text)) == text
    assert resolve(escape(text), lookup) == escape(text)


@given(_ANY)
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        refs = parse(text)
    except BadReference:
        return
    assert all(ref.text in text for ref in refs)
    assert resolve(text, lambda _: UNRESOLVED) == text


_NAMES = [f"K/{letter}" for letter in "abcdefgh"]


@given(st.permutations(_NAMES), st.data())
def test_order_puts_each_after_what_it_needs(names: list[str], data: st.DataObject) -> None:
    needs = {
        name: dict.fromkeys(data.draw(st.lists(st.sampled_from(names[:i]), max_size=3)), 1)
        if i
        else {}
        for i, name in enumerate(names)
    }
    shuffled = {name: needs[name] for name in _NAMES}
    ordered = order(shuffled)
    assert sorted(ordered) == sorted(names)
    assert all(ordered.index(n) < ordered.index(name) for name in names for n in needs[name])
    assert order(shuffled) == ordered


def test_order_is_the_files_where_nothing_is_needed() -> None:
    assert order({"K/z": {}, "K/a": {}, "K/m": ["K/unknown"]}) == ["K/z", "K/a", "K/m"]


@given(st.integers(1, 6))
def test_a_cycle_is_told_whole(length: int) -> None:
    loop = _NAMES[:length]
    needs: dict[str, list[str]] = {a: [b] for a, b in itertools.pairwise([*loop, loop[0]])}
    with pytest.raises(Cycle) as error:
        order({"K/other": [], **needs})
    assert error.value.keys == loop
    assert str(error.value) == " → ".join([*loop, loop[0]])
