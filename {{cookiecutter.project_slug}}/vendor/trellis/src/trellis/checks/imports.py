"""What a module imports and where it uses it. Names are resolved scope by scope, as Python does."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

TAKE_TYPES = ("isinstance", "issubclass")
BY_STRING = ("import_module", "__import__")


class Import(NamedTuple):
    """One name of an import statement."""

    dotted: str  # "apps.bookings.models.Booking"
    line: int  # of the statement


class Use(NamedTuple):
    """A place where a name is read that was imported, or defined at the top of the file."""

    dotted: str  # with the attributes that follow: "apps.bookings.models.Booking.objects.filter"
    line: int
    origin: Import | None  # None for a name that the file itself defines
    function: str  # the innermost function around it; "" outside of functions and in annotations
    top: str  # the function or class at the top of the file around it; "" outside of them
    later: bool  # whether it stands in a lambda or in a function inside a function
    called: bool
    bare: bool  # called without arguments


class Block(NamedTuple):
    """A function, or the body of a `with`."""

    name: str  # of the function
    under: tuple[str, ...]  # dotted names of its decorators, or of what `with` opens
    line: int
    lines: range  # of its body
    is_one_call: bool  # whether it is a function whose body is one call, or nothing at all
    statements: int  # of a function, at any depth, but for mere calls; 0 for a `with`


class _Scope:
    """The names of a module, a class or a function."""

    def __init__(self, node: ast.AST, parent: "_Scope | None") -> None:
        name = getattr(node, "name", "")
        self.parent = parent
        self.is_class = isinstance(node, ast.ClassDef)
        self.known: dict[str, list[tuple[str, Import | None]]] = {}  # (what it means, from where)
        self.others: set[str] = set()  # what is assigned here, and so hides an outer name
        self.top: str = (parent.top or name) if parent else ""
        self.function: str = parent.function if parent else ""
        self.depth: int = parent.depth if parent else 0  # of functions
        self.statements = 0
        if parent and not self.is_class:
            self.function = name or "a lambda"
            self.depth += 1

    def find(self, name: str) -> list[tuple[str, Import | None]]:
        """Return what a name may mean; nothing where it was assigned."""
        scope: _Scope | None = self
        while scope:
            if name in scope.known:
                return scope.known[name]
            if name in scope.others and not scope.is_class:  # a class is no scope for its methods
                break
            scope = scope.parent
        return []


_Read = tuple[ast.AST, list[str], _Scope, bool, ast.Call | None]  # name, attributes, …
_Waiting = tuple[ast.AST, _Scope, bool, ast.Call | None]  # node, scope, in an annotation, call
_Function = ast.FunctionDef | ast.AsyncFunctionDef
# For `isinstance`, which is called for every node.
NAMES = (ast.Attribute, ast.Name)
IMPORTS = (ast.Import, ast.ImportFrom)
STATEMENTS = (ast.stmt, ast.ExceptHandler)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ClassDef)


class Names:
    """The imports of a module and the uses of what they bring in. It keeps no syntax tree."""

    def __init__(self, tree: ast.Module, *, dotted: str, is_package: bool) -> None:
        self.dotted = dotted
        self.package = dotted.split(".") if is_package else dotted.split(".")[:-1]
        self.imports: list[Import] = []
        self.uses: list[Use] = []
        self.classes: list[str] = []  # at the top of the file
        self._module = _Scope(tree, None)
        self._functions: list[tuple[_Function, _Scope]] = []
        self._withs: list[tuple[ast.With | ast.AsyncWith, str]] = []  # and the function around it
        for read in list(self._walk(tree)):  # all of it first: a name may be bound further down
            use = _use(*read)
            if use:
                self.uses.append(use)
        self.uses.sort(key=lambda use: use.line)
        self.blocks = list(self._blocks())
        del self._functions, self._withs

    def _blocks(self) -> Iterator[Block]:
        for one, scope in self._functions:
            under = tuple(self._meaning(decorator) for decorator in one.decorator_list)
            place = (one.lineno, _lines(one.body))
            yield Block(one.name, under, *place, _is_one_call(one), scope.statements)
        for block, name in self._withs:
            under = tuple(self._meaning(item.context_expr) for item in block.items)
            yield Block(name, under, block.lineno, _lines(block.body), False, 0)

    def _meaning(self, node: ast.AST) -> str:
        """Return the dotted name of an expression, seen from the top of the file; "" for none.

        A call, as in `@shared_task(...)`, means what it calls, and `Admin[Row]` means `Admin`.
        """
        while isinstance(node, ast.Call | ast.Subscript):
            node = node.func if isinstance(node, ast.Call) else node.value
        root, attributes = _chain(node)
        use = _use(root, attributes, self._module, False, None)
        return use.dotted if use else ""

    def _walk(self, tree: ast.Module) -> Iterator[_Read]:
        """Yield every name that is read, with its attributes."""
        # No recursion: a chain of `elif` or `+` may be longer than Python's stack.
        waiting: list[_Waiting] = [(tree, self._module, False, None)]
        while waiting:
            node, scope, annotation, call = waiting.pop()
            if isinstance(node, NAMES):
                root, attributes = _chain(node)
                if not isinstance(root, ast.Name):
                    waiting.append((root, scope, annotation, None))
                elif isinstance(root.ctx, ast.Load):
                    yield root, attributes, scope, annotation, call
                else:
                    scope.others.add(root.id)
            elif isinstance(node, IMPORTS):
                self._bind(node, scope)
            elif not isinstance(node, ast.Constant):
                if isinstance(node, ast.Call):
                    self._look_for_strings(node, scope)
                elif isinstance(node, STATEMENTS):
                    self._define(node, scope)
                waiting += self._inside(node, scope, annotation)

    def _bind(self, node: ast.Import | ast.ImportFrom, scope: _Scope) -> None:
        base = ""
        if isinstance(node, ast.ImportFrom):
            start = self.package[: len(self.package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
        for alias in node.names:
            dotted = ".".join(part for part in (base, alias.name) if part not in ("", "*"))
            first = alias.name.partition(".")[0]  # `import a.b` binds `a`
            means = dotted if base or alias.asname else first
            one = Import(dotted, node.lineno)
            self.imports.append(one)
            scope.known.setdefault(alias.asname or first, []).append((means, one))

    def _look_for_strings(self, call: ast.Call, scope: _Scope) -> None:
        """Note `import_module("apps.a.models")` and `get_model("a", "B")`, if written out."""
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if name not in (*BY_STRING, "get_model"):
            return
        values = [getattr(one, "value", None) for one in call.args]
        words = [one for one in values if isinstance(one, str)]
        dotted = words[0] if words else ""
        if name == "get_model":
            app, _, model = ".".join(words).partition(".")
            dotted = f"apps.{app}.models.{model}" if model else ""
        elif dotted.startswith("."):
            dotted = ".".join([*(words[1:2] or self.package), dotted.lstrip(".")])
        if dotted:
            one = Import(dotted, call.lineno)
            self.imports.append(one)
            later = scope.depth > 1
            where = (scope.function, scope.top, later)
            use = Use(dotted, call.lineno, one, *where, called=False, bare=False)
            self.uses.append(use)

    def _define(self, node: ast.AST, scope: _Scope) -> None:
        """Note functions and classes: their names hide others, and have a meaning of their own."""
        scope.statements += not isinstance(node, (ast.Expr, ast.ExceptHandler))
        if isinstance(node, ast.ClassDef) and scope is self._module:
            self.classes.append(node.name)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            self._withs.append((node, scope.function))
        name = getattr(node, "name", None)  # also of `except … as name`
        if not isinstance(name, str):
            return
        if scope is self._module and not isinstance(node, ast.ExceptHandler):
            scope.known.setdefault(name, []).append((f"{self.dotted}.{name}", None))
        else:
            scope.others.add(name)

    def _inside(self, node: ast.AST, scope: _Scope, annotation: bool) -> Iterator[_Waiting]:
        """Yield the parts of a node, each with the scope it stands in."""
        inner = scope
        if isinstance(node, SCOPES):
            inner = _Scope(node, scope)
            if isinstance(node, FUNCTIONS):
                self._functions.append((node, inner))
            if not isinstance(node, ast.ClassDef):
                arguments = node.args
                every = (arguments.posonlyargs, arguments.args, arguments.kwonlyargs)
                inner.others.update(one.arg for some in every for one in some)
                inner.others.update(one.arg for one in (arguments.vararg, arguments.kwarg) if one)
        # `isinstance(x, Booking)` names a type, as an annotation does.
        of_types = isinstance(node, ast.Call) and getattr(node.func, "id", "") in TAKE_TYPES
        for field in node._fields:
            if field in ("ctx", "op", "ops"):
                continue
            value = getattr(node, field, None)
            where = inner if field == "body" else scope
            typed = annotation or of_types or field in ("annotation", "returns")
            call = node if field == "func" and isinstance(node, ast.Call) else None
            for one in value if isinstance(value, list) else (value,):
                if isinstance(one, ast.AST):
                    yield one, where, typed, call


def _use(
    root: ast.AST, attributes: list[str], scope: _Scope, annotation: bool, call: ast.Call | None
) -> Use | None:
    """Return what a name means with its attributes; None where it was not imported."""
    if not isinstance(root, ast.Name) or not (meanings := scope.find(root.id)):
        return None
    dotted = ".".join([meanings[-1][0], *attributes])
    fits = [one for _, one in meanings if one and f"{dotted}.".startswith(f"{one.dotted}.")]
    origin = fits[0] if fits else meanings[-1][1]
    function = "" if annotation else scope.function
    later, bare = scope.depth > 1, call is not None and not call.args and not call.keywords
    return Use(dotted, root.lineno, origin, function, scope.top, later, call is not None, bare)


def _chain(node: ast.AST) -> tuple[ast.AST, list[str]]:
    """Return where a chain of attributes begins, and the attributes in order."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return node, attributes[::-1]


def _lines(body: list[ast.stmt]) -> range:
    return range(body[0].lineno, (body[-1].end_lineno or body[-1].lineno) + 1)


def _is_one_call(function: _Function) -> bool:
    body = [one for one in function.body if not isinstance(one, ast.Pass)]
    values = [getattr(one, "value", None) for one in body if isinstance(one, ast.Expr | ast.Return)]
    calls = [one for one in values if not isinstance(one, ast.Constant)]  # not the docstring
    return len(values) == len(body) and len(calls) <= 1 and all(_is_call(one) for one in calls)


def _is_call(node: ast.AST | None) -> bool:
    return isinstance(node.value if isinstance(node, ast.Await) else node, ast.Call)
