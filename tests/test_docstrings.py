"""What the docstrings of public functions must say: each of many parameters, and the errors that are raised."""

import ast
import re
from collections.abc import Iterator
from functools import cache

from tests.docs.pages import FLOORS
from tests.places import HOUSE

Function = ast.FunctionDef | ast.AsyncFunctionDef
MANY = 4


@cache
def public_functions() -> tuple[tuple[str, Function], ...]:
    """``("runners/x.py: Class.method", node)`` of every public function and method, protocols' included."""
    found = []
    for package in FLOORS:
        for path in sorted((HOUSE / package).rglob("*.py")):
            if "stand_ins" not in path.parts:
                place = path.relative_to(HOUSE)
                for name, node in functions_of(ast.parse(path.read_text(encoding="utf-8"))):
                    found.append((f"{place}: {name}", node))
    return tuple(found)


def functions_of(scope: ast.Module | ast.ClassDef) -> Iterator[tuple[str, Function]]:
    """Functions of a module and methods of its public classes; not what is nested in a function, no setters."""
    owner = f"{scope.name}." if isinstance(scope, ast.ClassDef) else ""
    for node in scope.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from ((owner + name, found) for name, found in functions_of(node))
        elif (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and not node.name.startswith("_")
            and not is_setter(node)
        ):
            yield owner + node.name, node


def is_setter(node: Function) -> bool:
    """Whether it is a property's setter, which has no docstring of its own."""
    return any(isinstance(one, ast.Attribute) and one.attr == "setter" for one in node.decorator_list)


def parameters(node: Function) -> list[str]:
    """Names of the parameters, without ``self`` and ``cls``."""
    taken = node.args
    stars = [arg for arg in (taken.vararg, taken.kwarg) if arg is not None]
    names = [arg.arg for arg in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs, *stars)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def entries(node: Function) -> list[str]:
    """Names before the colons of the section of arguments."""
    text = ast.get_docstring(node) or ""
    section = re.search(r"^Args:\n((?: {4}.*\n?)+)", text, re.M)
    said = re.findall(r"^ {4}([\w*][\w*, ]*):", section.group(1), re.M) if section else []
    return re.findall(r"\w+", " ".join(said))


def pointed(node: Function) -> str | None:
    """The last part of ``a.b`` where the docstring says "arguments as in `a.b`" or "arguments are those of `a.b`"."""
    text = " ".join((ast.get_docstring(node) or "").split())
    found = re.search(r"[Aa]rguments[^.;]* (?:as in|those of) `(?:\w+\.)*(\w+)`", text)
    return found.group(1) if found else None


def says_all(node: Function, documented: set[str]) -> list[str]:
    """Parameters that the docstring leaves out; none where it points to a function that says its own."""
    if pointed(node) in documented:
        return []
    return [name for name in parameters(node) if name not in entries(node)]


def raised(node: Function) -> set[str]:
    """Names of the errors that the body raises itself; "error" where they are made elsewhere (``raise unknown(...)``).

    What is raised below ``try`` with handlers is left out: it is caught there. So are nested functions.
    """
    names = set()
    stack: list[ast.AST] = list(node.body)
    while stack:
        at = stack.pop()
        if isinstance(at, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(at, ast.Raise) and at.exc is not None:
            made = at.exc.func if isinstance(at.exc, ast.Call) else at.exc
            named = ast.unparse(made).rpartition(".")[2]
            names.add(named if named[:1].isupper() else "error")
        caught = at.body if isinstance(at, ast.Try) and at.handlers else []
        stack.extend(child for child in ast.iter_child_nodes(at) if child not in caught)
    return names


def unnamed_errors(node: Function) -> set[str]:
    """Errors raised in the body that the docstring does not name; for "error" any error's name will do."""
    text = ast.get_docstring(node) or ""
    patterns = {name: r"Raises:|\w+Error\b" if name == "error" else rf"\b{name}\b" for name in raised(node)}
    return {name for name, pattern in patterns.items() if not re.search(pattern, text)}


def test_public_functions_of_many_parameters_say_each() -> None:
    found = public_functions()
    documented = {node.name for _, node in found if entries(node)}
    silent = {
        where: missing
        for where, node in found
        if len(parameters(node)) >= MANY and (missing := says_all(node, documented))
    }
    assert silent == {}


def test_what_is_said_of_parameters_is_of_parameters_that_there_are() -> None:
    stale = {
        where: gone
        for where, node in public_functions()
        if (gone := [name for name in entries(node) if name not in parameters(node)])
    }
    assert stale == {}


def test_public_functions_that_raise_name_the_error() -> None:
    silent = {where: names for where, node in public_functions() if (names := unnamed_errors(node))}
    assert silent == {}
