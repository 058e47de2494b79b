"""Which modules a module imports, read from the sources and not by running them: the code that its work may rest on.

Imports inside functions count, and so do packages: importing ``a.b.c`` runs ``a`` and ``a.b`` first. Imports under
``TYPE_CHECKING`` never run and do not count. `importlib.import_module` is followed where its argument is a text, a
constant of the module, or made of these, ``__package__`` and ``__name__``. Where it is not, the line is listed under
`Source.dynamic`, and who asks for a closure names the module that is meant.
"""

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from runners.errors import RunError

HOUSE = Path(__file__).resolve().parents[2]
ROOTS = ("datasets", "files", "methods", "protocols", "reports", "runners")
"""The suite's own packages; versions of other libraries belong to a step's runtime."""


@dataclass(frozen=True)
class Source:
    """What is to be known of one module.

    Attributes:
        tree: digest of what it does, blind to comments, docstrings and layout.
        imports: dotted names that it imports; names inside a module stand among those of modules.
        dynamic: lines that import what shows only when they run.
    """

    tree: str
    imports: tuple[str, ...]
    dynamic: tuple[int, ...]


@dataclass(frozen=True)
class Sources:
    """The sources of the suite, or of a copy of it, with folders outside it.

    A file is read once, so that a run keeps the names of the code that it began with.

    Attributes:
        packages: name of a top package -> its folder, or of a module that lies in no package -> its file.
        read: gives a file's bytes.
    """

    packages: Mapping[str, Path]
    read: Callable[[Path], bytes] = Path.read_bytes
    _files: dict[str, Path | None] = field(default_factory=dict, compare=False, repr=False)
    _sources: dict[str, Source] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, house: Path = HOUSE, read: Callable[[Path], bytes] = Path.read_bytes) -> "Sources":
        """The packages that lie in a folder."""
        return cls({name: house / name for name in ROOTS if (house / name).is_dir()}, read)

    def with_outside(self, name: str, folder: Path) -> "Sources":
        """The same and one folder more, under a name of its own; what was read is not read again."""
        there: dict[str, Path | None] = {module: file for module, file in self._files.items() if file is not None}
        return Sources({**self.packages, name: folder}, self.read, there, dict(self._sources))

    def file(self, name: str) -> Path | None:
        """The file of a module; of a package its ``__init__.py``, which need not be there. None for other names."""
        if name not in self._files:
            self._files[name] = self._find(name)
        return self._files[name]

    def _find(self, name: str) -> Path | None:
        top, *rest = name.split(".")
        folder = self.packages.get(top)
        if folder is not None and folder.is_file():
            return None if rest else folder
        if folder is None or (len(rest) > 1 and self.file(name.rpartition(".")[0]) is None):
            return None
        place = folder.joinpath(*rest)
        if place.is_dir() and (not rest or any(place.glob("*.py"))):
            return place / "__init__.py"
        module = place.with_name(f"{place.name}.py")
        return module if rest and module.is_file() else None

    def closure(self, entries: Iterable[str], left_out: Iterable[str] = ()) -> Mapping[str, Source]:
        """All modules that importing and running some modules may import, by dotted name, sorted.

        Args:
            entries: dotted names.
            left_out: modules that are neither counted nor followed; of a package, nothing in it is.

        Raises:
            RunError: one of these does not exist, or a file is no Python.
        """
        entries, left_out = tuple(entries), frozenset(left_out)
        for name in (*entries, *left_out):
            if self.file(name) is None:
                raise RunError(f"{name}: there is no such module, so it cannot be told what a step rests on.")
        found: dict[str, Source] = {}
        waiting = list(entries)
        while waiting:
            name = self.module(waiting.pop()) or ""
            if not name or name in found:
                continue
            parents = tuple(_parents(name))
            if not left_out.isdisjoint((name, *parents)):
                continue
            found[name] = self.source(name)
            waiting += [*found[name].imports, *parents]
        return dict(sorted(found.items()))

    def module(self, name: str) -> str | None:
        """The module that a dotted name is, or lies in; None where it is none of these packages'."""
        while name and self.file(name) is None:
            name = name.rpartition(".")[0]
        return name or None

    def source(self, name: str) -> Source:
        """What is to be known of a module.

        Raises:
            RunError: its file cannot be read as Python.
        """
        if name not in self._sources:
            file = self.file(name)
            assert file is not None  # asked for modules that were found
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            try:
                text = self.read(file) if file.is_file() else b""
                self._sources[name] = _parse(text, package, name)
            except (OSError, SyntaxError, ValueError, RecursionError) as error:
                raise RunError(
                    f"{file} cannot be read as Python ({error}), so it cannot be told what a step rests on; mend it."
                ) from error
        return self._sources[name]


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


@lru_cache(maxsize=4096)
def _parse(text: bytes, package: str, name: str) -> Source:
    reader = _Reader(package, name)
    reader.read(ast.parse(text))
    tree = hashlib.sha256("\n".join(reader.words).encode("utf-8", "surrogatepass")).hexdigest()
    return Source(tree, tuple(dict.fromkeys((*reader.imports, *reader.submodules()))), tuple(reader.dynamic))


class _Reader:
    """One pass over a tree: what it says, and what it imports."""

    def __init__(self, package: str, name: str) -> None:
        self.words: list[str] = []
        self.imports: list[str] = []
        self.dynamic: list[int] = []
        self._package = package
        self._texts = {"__package__": package, "__name__": name}  # constants of the module
        self._bound: dict[str, str] = {}  # a name -> what an import bound it to
        self._attributes: set[tuple[str, str]] = set()  # ("protocols", "ranking.rank")

    def read(self, tree: ast.Module) -> None:
        """Fill what this has to say."""
        for statement in tree.body:
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                self._constant(statement.targets[0], statement.value)
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                self._constant(statement.target, statement.value)
        self._node(tree, runs=True)

    def submodules(self) -> Iterator[str]:
        """``protocols.ranking.rank`` where ``protocols`` is imported alone: a package may import a part when asked."""
        return (f"{self._bound[first]}.{rest}" for first, rest in sorted(self._attributes) if first in self._bound)

    def _constant(self, target: ast.expr, value: ast.expr) -> None:
        text = self._text(value)
        if isinstance(target, ast.Name) and text is not None:
            self._texts[target.id] = text

    def _text(self, node: ast.expr | None) -> str | None:
        """The text that an expression gives, as far as it shows."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id=name):
                return self._texts.get(name)
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return self._text(value)
            case ast.JoinedStr(values=values):
                parts = [self._text(value) for value in values]
                return None if None in parts else "".join(part or "" for part in parts)
        return None

    def _node(self, node: ast.AST, *, runs: bool) -> None:
        say = self.words.append
        say(type(node).__name__)
        if isinstance(node, ast.Import | ast.ImportFrom):
            if runs:
                self._import(node)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Attribute):
            self._attribute(node)
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                inside = runs and not (name == "body" and isinstance(node, ast.If) and _asks_for_types(node.test))
                say("[")
                for each in value[_docstrings(node) :] if name == "body" else value:
                    if isinstance(each, ast.AST):
                        self._node(each, runs=inside)
                    else:
                        say(repr(each))
                say("]")
            elif isinstance(value, ast.AST):
                self._node(value, runs=runs)
            else:
                say(repr(value))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for each in node.names:
                self.imports.append(each.name)
                top = each.name.partition(".")[0]
                self._bound[each.asname or top] = each.name if each.asname else top
            return
        base = self._absolute("." * node.level + (node.module or ""))
        if base is None:
            return
        self.imports.append(base)
        for each in node.names:
            if each.name != "*":
                self.imports.append(f"{base}.{each.name}")
                self._bound[each.asname or each.name] = f"{base}.{each.name}"

    def _absolute(self, name: str, package: str | None = None) -> str | None:
        """A name without its leading dots; None where these lead out of the top package."""
        rest = name.lstrip(".")
        level = len(name) - len(rest)
        if level == 0:
            return rest
        parts = (self._package if package is None else package).split(".")
        kept = parts[: len(parts) - level + 1]
        return ".".join([*kept, *([rest] if rest else [])]) if kept else None

    def _call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called not in ("import_module", "__import__"):
            return
        name = node.args[0] if node.args else None
        package = self._text(node.args[1]) if called == "import_module" and len(node.args) > 1 else None
        for choice in (name.body, name.orelse) if isinstance(name, ast.IfExp) else (name,):
            text = self._text(choice)
            found = self._absolute(text, package) if text else None
            if found is None:
                self.dynamic.append(node.lineno)
            else:
                self.imports.append(found)

    def _attribute(self, node: ast.Attribute) -> None:
        parts = [node.attr]
        inner = node.value
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self._attributes.add((inner.id, ".".join(reversed(parts))))


def _asks_for_types(test: ast.expr) -> bool:
    return (test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")) == "TYPE_CHECKING"


def _docstrings(node: ast.AST) -> int:
    """1 where the first statement is a docstring, else 0."""
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not node.body:
        return 0
    first = node.body[0]
    return int(
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
