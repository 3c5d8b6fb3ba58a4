"""The rule of a composite alarm: an expression over the states of other alarms.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html
Names may be quoted or not, and an ARN says the same as a name: all alarms of a rule are in one
account and region.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MOST_CHILDREN = 100
MOST_ELEMENTS = 500
"""Alarms, TRUE, FALSE and parentheses of one rule."""

_STATE = r"(?:ALARM|OK|INSUFFICIENT_DATA)"
_NAME = r'(?:"[^"]*"|[^()",\s][^()",]*)'
_ONE = re.compile(rf"({_STATE})\s*\(\s*({_NAME})\s*\)")
_SOME = re.compile(
    rf"AT_LEAST\s*\(\s*(\d+%?)\s*,\s*((?:NOT\s+)?{_STATE})\s*,"
    rf"\s*\(\s*({_NAME}(?:\s*,\s*{_NAME})*)\s*\)\s*\)"
)
_WORD = re.compile(r"AND\b|OR\b|NOT\b|TRUE\b|FALSE\b|true\b|false\b|[()]")
_ARN = re.compile(r"arn:aws[a-z-]*:cloudwatch:[^:]*:\d{12}:alarm:(.+)")
_SPACES = re.compile(r'("[^"]*")|\s+')


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, taken apart. text: in the one spelling. children: the alarms it names, in order.
    elements: as AWS counts them."""

    text: str
    children: tuple[str, ...]
    elements: int


def taken_apart(text: str) -> Rule:
    """Raises `ValueError` for what is no rule, or a larger one than AWS takes."""
    tokens = list(_tokens(text))
    _Grammar([kind for kind, _, _ in tokens]).whole()
    children = tuple(name for _, _, names in tokens for name in names)
    spelled = " ".join(said for _, said, _ in tokens).replace("( ", "(").replace(" )", ")")
    count = sum(max(1, len(names)) for kind, _, names in tokens if kind in ("value", "(", ")"))
    if len(children) > MOST_CHILDREN:
        raise ValueError(f"at most {MOST_CHILDREN} alarms, not {len(children)}")
    if count > MOST_ELEMENTS:
        raise ValueError(
            f"at most {MOST_ELEMENTS} elements (alarms, TRUE, FALSE, parentheses), not {count}"
        )
    return Rule(spelled, children, count)


def checked(text: str) -> str:
    """A rule as written, on one line. Raises `ValueError` for what is none."""
    taken_apart(text)
    return _SPACES.sub(lambda found: found[1] or " ", text).strip()


def spelled(text: object) -> object:
    """The one spelling of a rule; what is none stays as it is."""
    try:
        return taken_apart(text).text if isinstance(text, str) else text
    except ValueError:
        return text


def short(name: str) -> str:
    """The name of an alarm that is given by its name or ARN, quoted or not."""
    bare = name.strip().strip('"')
    found = _ARN.fullmatch(bare)
    return found[1] if found else bare


def children(text: object) -> tuple[str, ...]:
    """The alarms that a rule names; none of what is no rule."""
    try:
        return taken_apart(text).children if isinstance(text, str) else ()
    except ValueError:
        return ()


def circle(name: str, rules: Mapping[str, object]) -> list[str]:
    """The way from an alarm back to itself, through these rules; empty if there is none."""

    def on(here: str, way: tuple[str, ...]) -> list[str]:
        for child in children(rules.get(here)):
            if child == name:
                return [*way, child]
            if child not in way and (found := on(child, (*way, child))):
                return found
        return []

    return on(name, (name,))


def _tokens(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(sort, in the one spelling, alarms it names)."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif one := _ONE.match(text, at):
            name = short(one[2])
            yield "value", f'{one[1]}("{name}")', (name,)
            at = one.end()
        elif some := _SOME.match(text, at):
            names = tuple(short(name) for name in re.findall(_NAME, some[3]))
            listed = ", ".join(f'"{name}"' for name in names)
            state = " ".join(some[2].split())
            yield "value", f"AT_LEAST({some[1]}, {state}, ({listed}))", names
            at = some.end()
        elif word := _WORD.match(text, at):
            sort = "value" if word[0].upper() in ("TRUE", "FALSE") else word[0]
            yield sort, word[0].upper(), ()
            at = word.end()
        else:
            raise ValueError(
                f'must be like ALARM("a") AND (OK("b") OR NOT ALARM("c")); not understood from '
                f'"{text[at : at + 30]}" on'
            )


class _Grammar:
    """Whether the sorts of tokens make an expression."""

    def __init__(self, sorts: list[str]) -> None:
        self.sorts = sorts
        self.at = 0

    def whole(self) -> None:
        self.expression()
        if self.at < len(self.sorts):
            raise ValueError(f"found {self.sorts[self.at]} where the rule should end")

    def expression(self) -> None:
        self.operand()
        while self.at < len(self.sorts) and self.sorts[self.at] in ("AND", "OR"):
            self.at += 1
            self.operand()

    def operand(self) -> None:
        sort = self.sorts[self.at] if self.at < len(self.sorts) else "the end"
        self.at += 1
        if sort == "NOT":
            self.operand()
        elif sort == "(":
            self.expression()
            if self.at >= len(self.sorts) or self.sorts[self.at] != ")":
                raise ValueError("a parenthesis is not closed")
            self.at += 1
        elif sort != "value":
            raise ValueError(f'found {sort} where ALARM("…"), OK("…"), TRUE or ( should stand')
