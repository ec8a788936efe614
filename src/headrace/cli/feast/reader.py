"""What a Feast repository declares, read from its Python without running it and without Feast."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePath
from typing import Any

from headrace.errors import HeadraceError

SOURCES = frozenset(
    {"FileSource", "BigQuerySource", "RedshiftSource", "SnowflakeSource", "SparkSource", "AthenaSource", "TrinoSource"}
    | {"PostgreSQLSource", "MsSqlServerSource", "ClickhouseSource", "DuckDBSource", "RaySource", "IcebergSource"}
    | {"PushSource", "KafkaSource", "KinesisSource", "RequestSource"}
)
VIEWS = frozenset({"FeatureView", "BatchFeatureView", "StreamFeatureView", "LabelView"})
_CLASSES = SOURCES | VIEWS | {"Entity", "FeatureService", "OnDemandFeatureView", "Field", "Feature", "Aggregation"}
_DECORATORS = {
    "on_demand_feature_view": "OnDemandFeatureView",
    "batch_feature_view": "BatchFeatureView",
    "stream_feature_view": "StreamFeatureView",
}
_FIRST = {"Entity": "name", "FileSource": "path", "FeatureView": "name", "FeatureService": "name", "Field": "name"}
_SKIPPED = ("test_", "conftest", "setup")


@dataclass
class Record:
    """One object of Feast: its class, what it was given, and where.

    Attributes:
        code: the text of the function that a decorated view is made of, `function` its name.
        chosen: of a part of a view, its features; `keys` the columns to join by, by entity key; `alias` its new name.
        base: of such a part, the view.
    """

    kind: str
    given: dict[str, Any]
    where: str
    code: str = ""
    function: str = ""
    imports: tuple[str, ...] = ()
    chosen: tuple[str, ...] | None = None
    keys: dict[str, str] = field(default_factory=dict)
    alias: str = ""
    base: Record | None = None

    @property
    def name(self) -> str:
        return str(self.given.get("name") or self.function or "")

    def get(self, name: str, default: Any = None) -> Any:
        """What it was given; the default where that cannot be told without running its code."""
        value = self.given.get(name, default)
        return default if isinstance(value, Unknown) or value is None else value

    def part(self, **changes: Any) -> Record:
        """A part of this view, or of the view that this is a part of."""
        known = {"chosen": self.chosen, "keys": self.keys, "alias": self.alias, "base": self.base or self}
        return Record(self.kind, self.given, self.where, **{**known, **changes})


@dataclass(frozen=True)
class Unknown:
    """An expression whose value shows only when the code runs."""

    text: str


@dataclass
class Repository:
    """A Feast repository: its objects in the order of their files, its settings, and what could not be read."""

    root: Path
    records: list[Record]
    settings: dict[str, Any]
    notes: list[str]


def read_repository(root: Path) -> Repository:
    """Read the repository at `root`, the folder with feature_store.yaml; raises HeadraceError for what is none."""
    config = root / "feature_store.yaml"
    if not config.is_file():
        found = sorted(path.parent.relative_to(root).as_posix() for path in root.glob("*/feature_store.yaml"))
        hint = f" Did you mean {root / found[0]}?" if found else ""
        raise HeadraceError(f"{root} is no Feast repository: it has no feature_store.yaml.{hint}")
    modules = _Modules(root)
    records: dict[int, Record] = {}
    for path in modules.files:
        for value in modules.scope(path).values():
            if isinstance(value, Record) and value.base is None:
                records.setdefault(id(value), value)
    return Repository(root, list(records.values()), _settings(config), modules.notes)


def _settings(config: Path) -> dict[str, Any]:
    import yaml  # Dagster brings it

    try:
        found = yaml.safe_load(config.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise HeadraceError(f"{config} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


class _Modules:
    """The modules of a repository, each evaluated when it is first needed."""

    def __init__(self, root: Path) -> None:
        found = (path.relative_to(root) for path in sorted(root.rglob("*.py")))
        self.files = [
            path
            for path in found
            if not path.name.startswith(_SKIPPED) and not any(part[0] in "._" for part in path.parts[:-1])
        ]
        self.root = root
        self.notes: list[str] = []
        self._scopes: dict[Path, dict[str, Any]] = {}

    def scope(self, path: Path) -> dict[str, Any]:
        """The names of a module with their values."""
        if path not in self._scopes:
            self._scopes[path] = {"__file__": (self.root / path).resolve()}
            try:
                tree = ast.parse((self.root / path).read_text(encoding="utf-8"))
            except (SyntaxError, UnicodeDecodeError) as error:
                self.notes.append(f"{path}: cannot be read: {error}")
                return self._scopes[path]
            _Evaluator(self, path, self._scopes[path]).run(tree.body)
        return self._scopes[path]

    def named(self, module: str) -> Path | None:
        """The file that an import means: the one whose path ends as the module's name does."""
        wanted = tuple(part for part in module.split(".") if part)
        for path in self.files:
            parts = (*path.parts[:-1], *([] if path.name == "__init__.py" else [path.stem]))
            if parts and wanted and (parts == wanted[-len(parts) :] or parts[-len(wanted) :] == wanted):
                return path
        return None


class _Evaluator:
    """Runs the part of Python that declarations are written in: names, literals, and calls of Feast's classes."""

    def __init__(self, modules: _Modules, path: Path, scope: dict[str, Any]) -> None:
        self._modules = modules
        self._path = path
        self._scope = scope
        self._imports: list[str] = []

    def run(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, one: ast.stmt) -> None:
        if isinstance(one, ast.Import | ast.ImportFrom):
            self._import(one)
        elif isinstance(one, ast.Assign | ast.AnnAssign) and one.value is not None:
            value = self.value(one.value)
            for target in one.targets if isinstance(one, ast.Assign) else [one.target]:
                if isinstance(target, ast.Name):
                    self._scope[target.id] = value
        elif isinstance(one, ast.FunctionDef):
            self._function(one)
        elif isinstance(one, ast.Try | ast.With):
            self.run(one.body)
        elif isinstance(one, ast.If) and "__name__" not in ast.unparse(one.test):
            self._note(one, "both branches of an if were read; check what you need")
            self.run([*one.body, *one.orelse])
        elif isinstance(one, ast.For | ast.While) and _declares(one):
            self._note(one, "a loop that makes declarations was left out; write them by hand")

    def _import(self, one: ast.Import | ast.ImportFrom) -> None:
        path = self._modules.named(one.module or "") if isinstance(one, ast.ImportFrom) else None
        if path is None or path == self._path:
            if not ast.unparse(one).startswith(("from feast", "import feast", "from __future__")):
                self._imports.append(ast.unparse(one))
            return
        there = self._modules.scope(path)
        for alias in one.names:
            if alias.name == "*":
                self._scope.update({name: value for name, value in there.items() if not name.startswith("_")})
            elif alias.name in there:
                self._scope[alias.asname or alias.name] = there[alias.name]

    def _function(self, one: ast.FunctionDef) -> None:
        for decorator in one.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            kind = _DECORATORS.get(_called(call.func)) if call else None
            if call and kind:
                plain = ast.FunctionDef(**{**{name: getattr(one, name) for name in one._fields}, "decorator_list": []})
                given = self._arguments(call, kind)
                code = ast.unparse(ast.fix_missing_locations(ast.copy_location(plain, one)))
                made = Record(kind, given, self._where(one), code, one.name, tuple(self._imports))
                self._scope[one.name] = made

    def value(self, node: ast.expr) -> Any:
        """The value of an expression, or Unknown."""
        read = getattr(self, f"_read_{type(node).__name__}", None)
        found = read(node) if read else None
        return Unknown(ast.unparse(node)) if found is None and not _is_none(node) else found

    def _read_Constant(self, node: ast.Constant) -> Any:  # noqa: N802  named after ast's classes
        return node.value

    def _read_Name(self, node: ast.Name) -> Any:  # noqa: N802
        return self._scope.get(node.id)

    def _read_List(self, node: ast.List | ast.Tuple) -> Any:  # noqa: N802
        found: list[Any] = []
        for one in node.elts:
            value = self.value(one.value if isinstance(one, ast.Starred) else one)
            found += value if isinstance(one, ast.Starred) and isinstance(value, list) else [value]
        return found

    _read_Tuple = _read_List  # noqa: N815

    def _read_Dict(self, node: ast.Dict) -> Any:  # noqa: N802
        return {self.value(key): self.value(value) for key, value in zip(node.keys, node.values, strict=True) if key}

    def _read_JoinedStr(self, node: ast.JoinedStr) -> Any:  # noqa: N802
        parts = [self.value(one.value if isinstance(one, ast.FormattedValue) else one) for one in node.values]
        return None if any(isinstance(one, Unknown) for one in parts) else "".join(map(str, parts))

    def _read_UnaryOp(self, node: ast.UnaryOp) -> Any:  # noqa: N802
        value = self.value(node.operand)
        return -value if isinstance(node.op, ast.USub) and isinstance(value, int | float | timedelta) else None

    def _read_BinOp(self, node: ast.BinOp) -> Any:  # noqa: N802
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Div) and isinstance(left, PurePath) and isinstance(right, str | PurePath):
            return left / right
        if (
            isinstance(node.op, ast.Add)
            and type(left) is type(right)
            and isinstance(left, str | list | timedelta | int)
        ):
            return left + right
        both = isinstance(left, int | float | timedelta) and isinstance(right, int | float | timedelta)
        return left * right if isinstance(node.op, ast.Mult) and both else None

    def _read_ListComp(self, node: ast.ListComp) -> Any:  # noqa: N802
        loop = node.generators[0]
        items = self.value(loop.iter)
        if len(node.generators) > 1 or loop.ifs or not isinstance(items, list) or not isinstance(loop.target, ast.Name):
            return None
        inner = [_Evaluator(self._modules, self._path, {**self._scope, loop.target.id: item}) for item in items]
        return [one.value(node.elt) for one in inner]

    def _read_Attribute(self, node: ast.Attribute) -> Any:  # noqa: N802
        value = self.value(node.value)
        if isinstance(value, PurePath) and node.attr == "parent":
            return value.parent
        if isinstance(value, Record) and node.attr in ("name", "join_keys", "schema", "features"):
            return value.get(node.attr)
        return (
            (value.get("join_keys") or [value.name])[0]
            if isinstance(value, Record) and node.attr == "join_key"
            else None
        )

    def _read_Subscript(self, node: ast.Subscript) -> Any:  # noqa: N802
        value, chosen = self.value(node.value), self.value(node.slice)
        if isinstance(value, Record) and value.kind in (*VIEWS, "OnDemandFeatureView") and isinstance(chosen, list):
            return value.part(chosen=tuple(map(str, chosen)))
        if isinstance(value, dict | list) and isinstance(chosen, str | int):
            try:
                return value[chosen]  # type: ignore[index]  # a wrong kind of key is an exception as well
            except (KeyError, IndexError, TypeError):
                return None
        return None

    def _read_Call(self, node: ast.Call) -> Any:  # noqa: N802
        name = _called(node.func)
        if name in _CLASSES:
            return Record(name, self._arguments(node, name), self._where(node))
        if isinstance(node.func, ast.Attribute) and isinstance(owner := self.value(node.func.value), Record):
            return self._part(owner, name, node)
        return self._plain_call(name, node)

    def _part(self, owner: Record, name: str, node: ast.Call) -> Record | None:
        """A view under another name or by other columns."""
        first = (
            self.value(node.args[0] if node.args else node.keywords[0].value) if node.args or node.keywords else None
        )
        if name == "with_name":
            return owner.part(alias=str(first))
        if name == "with_join_key_map" and isinstance(first, dict):
            return owner.part(keys={str(key): str(column) for key, column in first.items()})
        return None

    def _plain_call(self, name: str, node: ast.Call) -> Any:
        values = [self.value(one) for one in node.args]
        named = {one.arg: self.value(one.value) for one in node.keywords if one.arg}
        if any(isinstance(one, Unknown) for one in (*values, *named.values())):
            return (
                values[-1] if name in ("getenv", "get") and len(values) == 2 and isinstance(values[-1], str) else None
            )
        if name == "timedelta":
            return timedelta(*values, **named)
        if name in ("getenv", "get") and len(values) == 2:
            return values[1]
        if name in ("str", "Path") and len(values) == 1:
            return str(values[0]) if name == "str" else Path(values[0])
        if name in ("join", "dirname", "abspath", "realpath", "resolve", "absolute") and isinstance(
            node.func, ast.Attribute
        ):
            return self._path_call(name, values, node.func)
        return values[0] if name in ("list", "tuple") and values and isinstance(values[0], list) else None

    def _path_call(self, name: str, values: Sequence[Any], function: ast.Attribute) -> Any:
        owner = self.value(function.value)
        if isinstance(owner, PurePath):
            return owner
        if not values or not all(isinstance(one, str | PurePath) for one in values):
            return None
        if name == "join":
            return str(Path(*values))
        return str(Path(values[0]).parent) if name == "dirname" else str(values[0])

    def _arguments(self, call: ast.Call, kind: str) -> dict[str, Any]:
        found = {_FIRST.get(kind, "name"): self.value(call.args[0])} if call.args else {}
        found |= {one.arg: self.value(one.value) for one in call.keywords if one.arg}
        for name, value in found.items():
            if isinstance(value, Unknown) and name in (
                "name",
                "path",
                "features",
                "entities",
                "source",
                "ttl",
                "schema",
            ):
                self._note(call, f"{name}={value.text} of a {kind} shows only when the code runs")
        return found

    def _where(self, node: ast.AST) -> str:
        return f"{self._path.as_posix()}:{getattr(node, 'lineno', 1)}"

    def _note(self, node: ast.AST, text: str) -> None:
        self._modules.notes.append(f"{self._where(node)}: {text}.")


def _called(function: ast.expr) -> str:
    """The last name of what is called."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _declares(node: ast.stmt) -> bool:
    return any(isinstance(one, ast.Call) and _called(one.func) in _CLASSES for one in ast.walk(node))


def parts_of(record: Record) -> Iterator[Mapping[str, Any]]:
    """The fields of a schema as `{name, dtype, description}`."""
    for one in record.get("schema") or record.get("features") or []:
        if isinstance(one, Record):
            yield {**one.given, "name": one.name}
