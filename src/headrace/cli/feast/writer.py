"""Headrace declarations for what a Feast repository declares, as the text of one module."""

from __future__ import annotations

import ast
import os
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from headrace.cli.feast.reader import SOURCES, VIEWS, Record, Repository, Unknown, parts_of

_FUNCTIONS = {"avg": "mean", "mean": "mean", "sum": "sum", "count": "count", "min": "min", "max": "max"}
_FUNCTIONS |= {
    "count_distinct": "count_distinct",
    "std": "stddev",
    "stddev": "stddev",
    "first": "first",
    "last": "last",
}
_REQUESTS = {"Int32": "int", "Int64": "int", "Float32": "float", "Float64": "float", "String": "str", "Bool": "bool"}
_FILES = (".parquet", ".csv", ".json")
_INDENT = "    "
# What Dagster takes as a tag.
_TAG = re.compile(r"([\w.-]{1,63}/)?[\w.-]{1,63}")
_VALUE = re.compile(r"[\w.-]{0,63}")


class Writer:
    """Writes each object once, after what it is made of."""

    def __init__(self, repository: Repository, data_folder: Path) -> None:
        self._repository = repository
        self._data = data_folder
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()
        self._blocks: list[str] = []
        self._imports: dict[str, None] = {}
        self.counts: dict[str, int] = {}
        self.notes: list[str] = [*repository.notes]
        self._by_name = {one.name: one for one in repository.records if one.kind in VIEWS}

    def text(self) -> str:
        """The module."""
        for record in self._repository.records:
            if record.kind in ("Entity", "FeatureService", "OnDemandFeatureView", *VIEWS):
                self._write(record)
        project = self._repository.settings.get("project", self._repository.root.name)
        title = f'"""What the Feast repository {str(project)!r} declares, as `headrace import-feast` read it."""'
        needs = ["import headrace as hr", *sorted(self._imports)]
        needs.sort(key=lambda line: (line == "import headrace as hr", line))
        text = "\n\n".join([title, "\n".join(needs), *self._blocks])
        # Two empty lines around functions, as formatters have it.
        return (
            re.sub(r"\n{2,}(?=def |@)|(?<=\n    )(return .*)\n{2}(?=\w)", lambda m: f"{m[1] or ''}\n\n\n", text) + "\n"
        )

    def _write(self, record: Record) -> str:
        """Write an object if it is not written yet; returns what it is called here."""
        if id(record) in self._names:
            return self._names[id(record)]
        makers = {"Entity": self._entity, "FeatureService": self._service, "OnDemandFeatureView": self._on_demand}
        maker = makers.get(record.kind) or (self._view if record.kind in VIEWS else self._source)
        name = self._free_name(record)
        self._names[id(record)] = name
        block = maker(record, name)
        self._blocks.append(block)
        odd = [key for key in record.get("tags") or {} if _text(key) not in _about(record)["tags"]]
        if odd:
            self._note(record, f"tags that Dagster does not take were left out: {', '.join(map(str, odd))}")
        kind = record.kind if record.kind in makers else "FeatureView" if record.kind in VIEWS else "Source"
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return name

    def _free_name(self, record: Record) -> str:
        given = record.name or Path(str(record.get("path", record.kind))).stem
        words = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", given).lower()).strip("_")
        name = words if words and words[0].isalpha() else f"{record.kind.lower()}_{words}".strip("_")
        while name in self._taken:
            name += "_source" if record.kind in SOURCES and not name.endswith("_source") else "_2"
        self._taken.add(name)
        if name != given and record.name:
            self._note(record, f"{given!r} is called {name!r} here")
        return name

    def _note(self, record: Record, text: str) -> None:
        self.notes.append(f"{record.where}: {text}.")

    def _entity(self, record: Record, name: str) -> str:
        keys = record.get("join_keys") or [record.get("join_key") or record.name]
        return _call(name, "hr.Entity", [_text(name)], {"keys": _list(keys), **_about(record)})

    def _source(self, record: Record, name: str) -> str:
        if record.kind in ("PushSource", "KafkaSource", "KinesisSource"):
            return self._stream(record, name)
        options = {
            **self._place(record, name),
            "timestamp": _optional(record.get("timestamp_field") or record.get("event_timestamp_column")),
            "created": self._created(record),
            **_about(record),
        }
        return _call(name, "hr.Source", [_text(name)], options)

    def _created(self, record: Record) -> str:
        """When rows became known, which means more here than in Feast."""
        created = record.get("created_timestamp_column")
        if created:
            text = f"rows are hidden until {created!r}; leave created= out if that is when the file was filled"
            self._note(record, text)
        return _optional(created)

    def _stream(self, record: Record, name: str) -> str:
        """Rows that are pushed are kept beside the batch source's, in one source."""
        batch = record.get("batch_source")
        if record.kind != "PushSource":
            self._note(record, f"{record.kind} is not read: push its rows, as store.push(view, rows) does")
        if not isinstance(batch, Record):
            self._note(record, "has no batch source, so its history is expected in a file of its name")
            return _call(name, "hr.Source", [_text(name)], {"path": _text(f"{name}.parquet"), "push": "True"})
        options = self._place(batch, name)
        options |= {
            "timestamp": _optional(batch.get("timestamp_field") or batch.get("event_timestamp_column")),
            "created": self._created(batch),
            **_about(record),
        }
        if "database" in options:
            self._note(record, "rows can be pushed to sources of files only: export its table, then say push=True")
            return _call(name, "hr.Source", [_text(name)], options)
        options |= {"push": "True", "allow_empty": "True"}
        self._note(record, "name keys= of this source if pushed rows are to correct earlier ones")
        return _call(name, "hr.Source", [_text(name)], options)

    def _place(self, record: Record, name: str) -> dict[str, str]:
        """Where the rows are."""
        path = record.get("path")
        if record.kind in ("FileSource", "SparkSource", "RaySource", "DuckDBSource") and path:
            return {"path": _text(self._path(record, str(path))), **self._format(str(path))}
        table, query = record.get("table") or record.get("table_ref"), record.get("query")
        if record.kind == "PostgreSQLSource" and (table or query):
            self._note(record, "say in database= how the server is reached, without the password")
            read = {"table": _text(table)} if table else {"query": _text(query)}
            return {"database": _text("postgresql:"), **read, "database_type": _text("postgres")}
        origin = table or query or path or "its table"
        self._note(record, f"{record.kind} cannot be read: export {origin!r} to {name}.parquet in the data folder")
        return {"path": _text(f"{name}.parquet")}

    def _path(self, record: Record, path: str) -> str:
        if "://" in path:
            self._note(record, f"{path} is on an object store: copy it, and mend path=")
            return Path(path).name
        found = (self._repository.root / path).resolve()
        if found.is_dir():
            found = found / "*.parquet"
        return Path(os.path.relpath(found, self._data.resolve())).as_posix()

    def _format(self, path: str) -> dict[str, str]:
        return {} if path.endswith(_FILES) or "." not in Path(path).name else {"format": _text("parquet")}

    def _view(self, record: Record, name: str) -> str:
        entities = [one for one in record.get("entities") or [] if isinstance(one, Record)]
        source = record.get("source") or record.get("batch_source") or record.get("stream_source")
        if record.code:
            self._note(
                record, f"{record.function}() transforms its source: write it as @hr.feature_view, in SQL or polars"
            )
        if not isinstance(source, Record):
            self._note(record, "its source could not be read; mend source=")
        options = {
            "entity": self._entities(entities),
            "source": self._write(source) if isinstance(source, Record) else "None",
            "ttl": _optional(duration(record.get("ttl"))),
            "features": self._features(record, entities, source),
            "online": "True" if record.get("online", record.kind != "BatchFeatureView") else "",
            **_about(record),
        }
        return _call(name, "hr.FeatureView", [_text(name)], options)

    def _entities(self, entities: Sequence[Record]) -> str:
        named = [self._write(one) for one in entities]
        return named[0] if len(named) == 1 else f"[{', '.join(named)}]" if named else "None"

    def _features(self, record: Record, entities: Sequence[Record], source: Any) -> str:
        aggregations = [one for one in record.get("aggregations") or [] if isinstance(one, Record)]
        if aggregations:
            return _dict(dict(self._aggregate(record, one) for one in aggregations))
        keys = {str(key) for one in entities for key in one.get("join_keys") or [one.name]}
        names = [str(one["name"]) for one in parts_of(record) if str(one["name"]) not in keys]
        origin = source.get("batch_source") if isinstance(source, Record) and source.kind == "PushSource" else source
        if not names:
            names = self._columns(origin, keys) if isinstance(origin, Record) else []
            self._note(record, f"has no schema; its features are {', '.join(names) or 'to be named in features='}")
        mapping = origin.get("field_mapping") or {} if isinstance(origin, Record) else {}
        renamed = {str(feature): str(column) for column, feature in mapping.items() if feature in names}
        if renamed:
            return _dict({name: _text(renamed.get(name, name)) for name in names})
        return _list(names)

    def _columns(self, source: Record, keys: Iterable[str]) -> list[str]:
        """The columns of a local Parquet file that are no keys or times."""
        path = self._repository.root / str(source.get("path") or "-")
        if path.suffix != ".parquet" or not path.is_file():
            return []
        import pyarrow.parquet as pq

        apart = {*keys, source.get("timestamp_field"), source.get("created_timestamp_column")}
        return [name for name in pq.read_schema(path).names if name not in apart]

    def _aggregate(self, record: Record, one: Record) -> tuple[str, str]:
        asked, column, window = str(one.get("function", "")), one.get("column"), one.get("time_window")
        function = _FUNCTIONS.get(asked.lower())
        if function is None:
            self._note(record, f"its aggregation {asked!r} has no counterpart; count stands for it")
        over = duration(window)
        # As Feast calls it.
        name = one.get("name") or "_".join(
            filter(None, (asked, column, f"{window.total_seconds():.0f}s" if window else ""))
        )
        words = [_text(function or "count"), *([_text(column)] if column and function else [])]
        return str(name), f"hr.Aggregate({', '.join(words)}{f', over={_text(over)}' if over else ''})"

    def _on_demand(self, record: Record, name: str) -> str:
        inputs = [text for one in record.get("sources") or [] for text in self._inputs(record, one)]
        fields = {str(one["name"]): _type(one.get("dtype")) for one in parts_of(record)}
        mode = str(record.get("mode", "pandas")).lower().rpartition(".")[2]
        self._imports["import polars as pl"] = None
        code = _function(record, f"_{name}")
        if not code:
            self._note(record, "its function could not be read; write it below @hr.on_demand")
            code = f"def _{name}(inputs):\n{_INDENT}raise NotImplementedError"
        calls = {
            "pandas": f"return df.with_columns(pl.from_pandas(_{name}(df.to_pandas())))",
            "python": f"return df.with_columns(pl.DataFrame(_{name}(df.to_dict(as_series=False))))",
        }
        if mode == "python" and record.get("singleton"):
            calls["python"] = f"return df.with_columns(pl.DataFrame([_{name}(row) for row in df.to_dicts()]))"
        if mode not in calls:
            self._note(record, f"mode {mode!r} has no counterpart; write {name} in polars")
        elif mode == "pandas":
            self._note(record, f"{name} runs in pandas, as it was: install pandas, or better write it in polars")
        known = all(kind is not None for kind in fields.values()) and fields
        features = _dict({one: str(kind) for one, kind in fields.items()}) if known else _list(fields)
        about = "".join(f", {key}={value}" for key, value in _about(record).items() if key != "description" and value)
        given = textwrap.indent(",\n".join(inputs), _INDENT * 2)
        head = f"@hr.on_demand(\n{_INDENT}inputs=[\n{given},\n{_INDENT}],\n{_INDENT}features={features}{about},\n)"
        body = f"def {name}(df: pl.DataFrame) -> pl.DataFrame:\n{_INDENT}{calls.get(mode, calls['pandas'])}"
        return f"{code}\n\n\n{head}\n{body}"

    def _inputs(self, record: Record, one: Any) -> Iterator[str]:
        if not isinstance(one, Record):
            self._note(record, f"an input could not be read: {getattr(one, 'text', one)}")
        elif one.kind == "RequestSource":
            for part in parts_of(one):
                kind = _type(part.get("dtype"))
                if kind is None:
                    self._note(record, f"the type of request {part['name']!r} is taken to be text")
                yield f"hr.Request({_text(part['name'])}, {kind or 'str'})"
        else:
            yield self._part(one)

    def _part(self, one: Record) -> str:
        """A view, or a part of one under other names or columns."""
        text = self._write(one.base or one)
        chosen = "" if one.chosen is None else f"[{', '.join(map(_text, one.chosen))}]"
        if one.kind == "OnDemandFeatureView":
            if one.chosen:
                self._note(one, f"a service takes some of {text}; on-demand features are taken as a whole here")
            return text
        if one.keys or one.alias:
            keys = ", ".join(f"{_text(key)}: {_text(column)}" for key, column in one.keys.items())
            prefix = f", prefix={_text(f'{one.alias}__')}" if one.alias else ""
            return f"{text}{chosen}.on({{{keys}}}{prefix})"
        return f"{text}{chosen}"

    def _service(self, record: Record, name: str) -> str:
        parts = [self._asked(record, one) for one in record.get("features") or []]
        options = {"features": f"[{', '.join(filter(None, parts))}]", **_about(record)}
        return _call(name, "hr.FeatureService", [_text(name)], options)

    def _asked(self, record: Record, one: Any) -> str:
        if isinstance(one, str) and one in self._by_name:
            return self._write(self._by_name[one])
        if isinstance(one, Record):
            return self._part(one)
        self._note(record, f"a feature could not be read: {getattr(one, 'text', one)}")
        return ""


def _function(record: Record, name: str) -> str:
    """A function's code under another name, without annotations and with the imports that it needs within it."""
    if not record.code:
        return ""
    function = next(one for one in ast.parse(record.code).body if isinstance(one, ast.FunctionDef))
    function.name, function.returns = name, None
    for argument in function.args.args:
        argument.annotation = None
    used = {one.id for one in ast.walk(function) if isinstance(one, ast.Name)}
    lines = [line for line in record.imports if used & _bound(line)]
    function.body[:0] = [one for line in lines for one in ast.parse(line).body]
    return ast.unparse(ast.fix_missing_locations(function))


def _bound(line: str) -> set[str]:
    """The names that an import makes known."""
    (statement,) = ast.parse(line).body
    names = statement.names if isinstance(statement, ast.Import | ast.ImportFrom) else []
    return {(one.asname or one.name).partition(".")[0] for one in names}


def duration(value: Any) -> str | None:
    """A timedelta as `7d`, `36h`, `90m` or `30s`; None for none at all, which is for ever in Feast.

    >>> duration(timedelta(days=7)), duration(timedelta(hours=36)), duration(timedelta(0))
    ('7d', '36h', None)
    """
    seconds = int(value.total_seconds()) if isinstance(value, timedelta) else 0
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return None


def _about(record: Record) -> dict[str, str]:
    owner, tags = record.get("owner"), record.get("tags") or {}
    owners = [owner if "@" in owner else f"team:{owner}"] if isinstance(owner, str) and owner else []
    plain = {key: value for key, value in tags.items() if _TAG.fullmatch(str(key)) and _VALUE.fullmatch(str(value))}
    return {
        "description": _optional(record.get("description")),
        "owners": _list(owners) if owners else "",
        "tags": _dict({key: _text(value) for key, value in plain.items()}) if plain else "",
    }


def _type(dtype: Any) -> str | None:
    """Python's type for a Feast type; None where there is none."""
    text = dtype.text if isinstance(dtype, Unknown) else str(dtype)
    return _REQUESTS.get(text.rpartition(".")[2])


def _text(value: Any) -> str:
    """A value as a Python string literal with double quotes, as most formatters want it."""
    plain = str(value)
    return repr(plain) if '"' in plain or "\\" in plain or "\n" in plain else f'"{plain}"'


def _optional(value: Any) -> str:
    return _text(value) if value else ""


def _list(values: Iterable[Any]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _dict(values: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{_text(key)}: {value}' for key, value in values.items())}}}"


def _call(name: str, function: str, words: Sequence[str], options: Mapping[str, str]) -> str:
    """An assignment with an option a line, as far as it has a value."""
    lines = [*words, *(f"{key}={value}" for key, value in options.items() if value)]
    inside = "".join(f"{_INDENT}{line},\n" for line in lines)
    return f"{name} = {function}(\n{inside})"
