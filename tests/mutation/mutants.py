"""The mutants of a module: each one small fault, as a change of its syntax tree.

Left out are what only types or words depend on: annotations, decorators, docstrings, texts with
spaces and f-strings inside functions.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.And: (ast.Or,),
    ast.Or: (ast.And,), ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,), ast.Pow: (ast.Mult,), ast.BitOr: (ast.BitAnd,), ast.BitAnd: (ast.BitOr,),
}  # fmt: skip
NAMES = {
    "min": "max", "max": "min", "any": "all", "all": "any", "reversed": "list", "sorted": "list",
}  # fmt: skip
TYPES_ONLY = ("annotation", "returns", "decorator_list", "type_params", "type_comment")
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Mutant:
    """One fault: `new` stands in the field of `parent` where something else stood.

    file, where, line, change: its name, in words that stay when lines move. function: the outermost
    function it is in, empty if it is in none. lines: of the statement it is in.
    """

    file: str
    where: str
    line: str
    change: str
    function: str
    lines: range
    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST | str

    @property
    def name(self) -> tuple[str, str, str, str]:
        """What the list of survivors calls it."""
        return self.file, self.where, self.line, self.change

    def put(self) -> None:
        """Make the fault in its tree."""
        if self.index is None:
            setattr(self.parent, self.field, self.new)
        else:
            getattr(self.parent, self.field)[self.index] = self.new


def mutants(root: Path, file: str) -> tuple[ast.Module, list[Mutant]]:
    """The tree of a file, and all the mutants that are changes of it."""
    text = (root / file).read_text(encoding="utf-8")
    tree = ast.parse(text)
    maker = _Maker(file, text)
    maker.visit(tree)
    return tree, maker.found


class _Maker:
    """Walks a tree and collects."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.source = text.splitlines()
        self.found: list[Mutant] = []
        self.scope: list[ast.AST] = []
        self.statement: ast.stmt | None = None
        self.names: Counter[tuple[str, str, str]] = Counter()

    def visit(self, parent: ast.AST) -> None:
        outer = self.statement
        scoped = isinstance(parent, (*FUNCTION, ast.ClassDef))
        for field, value in ast.iter_fields(parent):
            if field in TYPES_ONLY or (field == "slice" and _is_literal(parent)):
                continue
            inside = scoped and field == "body"
            if inside:
                self.scope.append(parent)
            for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if not isinstance(node, ast.AST):
                    continue
                if isinstance(node, ast.stmt):
                    self.statement = node
                if not _is_docstring(node):
                    for change, new in self.changes(parent, field, node):
                        self.add(parent, field, index, node, change, new)
                    self.visit(node)
            if inside:
                self.scope.pop()
        self.statement = outer

    def changes(
        self, parent: ast.AST, field: str, node: ast.AST
    ) -> Iterator[tuple[str, ast.AST | str]]:
        """What may be put in the place of a node, and how that is told."""
        in_function = any(isinstance(s, FUNCTION) for s in self.scope)
        for other in SWAPS.get(type(node), ()):
            yield f"{_sign(node)} → {_sign(other())}", other()
        match node:
            case ast.BoolOp(values=values):
                for at, value in enumerate(values):
                    left = [*values[:at], *values[at + 1 :]]
                    rest = left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
                    yield f"without {_short(value)}", rest
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield f"without not: {_short(operand)}", operand
            case ast.Constant(value=bool(value)):
                yield f"{value} → {not value}", ast.Constant(not value)
            case ast.Constant(value=(int() | float()) as value):
                yield f"{value} → {value + 1}", ast.Constant(value + 1)
                yield f"{value} → {value - 1}", ast.Constant(value - 1)
            case ast.Constant(value=str(value)) if value and not isinstance(parent, ast.JoinedStr):
                if not in_function or " " not in value:
                    yield f'{value!r} → ""', ast.Constant("")
            case ast.Return(value=ast.expr() as value) if not _is_none(value):
                yield "returns None", ast.Return(ast.Constant(None))
            case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Delete():
                yield "statement dropped", ast.Pass()
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) if in_function:
                yield "statement dropped", ast.Pass()
            case ast.Assign(targets=[ast.Name(id=name)]) if self.again(node, name):
                yield "statement dropped", ast.Pass()
            case ast.Continue():
                yield "continue → break", ast.Break()
            case ast.Break():
                yield "break → continue", ast.Continue()
            case ast.Name(id=name) if field == "func" and name in NAMES:
                yield f"{name} → {NAMES[name]}", ast.Name(NAMES[name], ast.Load())
            case ast.ExceptHandler(type=ast.Tuple(elts=kinds)):
                for at, kind in enumerate(kinds):
                    left = [*kinds[:at], *kinds[at + 1 :]]
                    caught = ast.Tuple(left, ast.Load())
                    yield f"without {_short(kind)}", ast.ExceptHandler(caught, node.name, node.body)
            case ast.expr() if field == "test" and not isinstance(node, (ast.Compare, ast.UnaryOp)):
                yield f"not {_short(node)}", ast.UnaryOp(ast.Not(), node)
        if field == "ifs":
            yield f"without if {_short(node)}", ast.Constant(True)

    def again(self, node: ast.stmt, name: str) -> bool:
        """True if a name had a value before, so that dropping this one leaves the old."""
        function = next((s for s in self.scope if isinstance(s, FUNCTION)), None)
        if function is None:
            return False
        return any(
            (isinstance(n, ast.arg) and n.arg == name)
            or (isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
                and n.lineno < node.lineno)
            for n in ast.walk(function)
        )  # fmt: skip

    def add(
        self, parent: ast.AST, field: str, index: int | None, node: ast.AST, change: str,
        new: ast.AST | str,
    ) -> None:  # fmt: skip
        """A mutant; the second of one name gets a number."""
        statement = self.statement
        assert statement is not None
        at = getattr(node, "lineno", None) or getattr(parent, "lineno", statement.lineno)
        where = ".".join(getattr(s, "name", "") for s in self.scope) or "module"
        line = self.source[at - 1].strip()
        self.names[where, line, change] += 1
        if (number := self.names[where, line, change]) > 1:
            change = f"{change} ({number})"
        function = ""
        for depth, scope in enumerate(self.scope):
            if isinstance(scope, FUNCTION):
                function = ".".join(getattr(s, "name", "") for s in self.scope[: depth + 1])
                break
        body = getattr(statement, "body", None)
        last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
        lines = range(statement.lineno, max(last, statement.lineno) + 1)
        self.found.append(
            Mutant(self.file, where, line, change, function, lines, parent, field, index, new)
        )


def _is_literal(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal"


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split()).replace("`", "'")
    return text if len(text) <= 60 else f"{text[:57]}…"


SIGNS: dict[str, str] = {
    "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Eq": "==", "NotEq": "!=", "Is": "is",
    "IsNot": "is not", "In": "in", "NotIn": "not in", "And": "and", "Or": "or", "Add": "+",
    "Sub": "-", "Mult": "*", "Div": "/", "Pow": "**", "BitOr": "|", "BitAnd": "&",
}  # fmt: skip


def _sign(node: ast.AST) -> str:
    return SIGNS[type(node).__name__]
