"""Service descriptions: everything it takes to read a feature service, as a file beside the store."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.errors import CorruptObject
from headrace.store.atomic import disk_errors, write_atomically

FORMAT = 1
Columns = tuple[tuple[str, str], ...]
"""Names with SQL types."""


@dataclass(frozen=True)
class ViewRead:
    """What is read of one view.

    Attributes:
        view: its name; `online` whether it is kept in the online store.
        keys: (column of the asking row, key of the view, SQL type).
        features: (name in the answer, feature of the view, SQL type).
    """

    view: str
    keys: tuple[tuple[str, str, str], ...]
    features: tuple[tuple[str, str, str], ...]
    online: bool = True


@dataclass(frozen=True)
class Computation:
    """On-demand features: the function by its import path, and a hash of its code as it was built with.

    Attributes:
        inputs: what the function gets, in the order of its columns, with SQL types: the features of `reads`, which
            are numbers of reads of the service, then requests.
        outputs: what it returns.
    """

    name: str
    function: str
    code: str
    reads: tuple[int, ...]
    inputs: Columns
    outputs: Columns


@dataclass(frozen=True)
class ServiceDescription:
    """A feature service, ready to be read.

    Attributes:
        keys: the columns that an asking row must have.
        requests: the values that it may hand in.
        items: what the answer is made of, in order: ("read", its number) or ("computation", its number). What is read
            besides is for computations.
        outputs: the answer's columns in order.
        made_of: a hash of what this was made from.
    """

    name: str
    version: int
    keys: Columns
    requests: Columns
    reads: tuple[ViewRead, ...]
    computations: tuple[Computation, ...]
    items: tuple[tuple[str, int], ...]
    outputs: Columns
    description: str = ""
    owners: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    made_of: str = ""
    format: int = FORMAT

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False)


def services_folder(root: Path, environment: str) -> Path:
    """Where the descriptions of an environment are: `<name>.json`, and `<name>@<version>.json` for each version."""
    return root / "services" / environment


def published_services(root: Path, environment: str) -> list[str]:
    """The names of the services that can be read, sorted."""
    found = services_folder(root, environment).glob("*.json")
    return sorted(path.stem for path in found if not path.name.startswith(".") and "@" not in path.stem)


def write_service(root: Path, environment: str, service: ServiceDescription) -> None:
    """Put a description in place of the last one; readers see the old or the new."""
    folder = services_folder(root, environment)
    with disk_errors(folder):
        for name in (f"{service.name}@{service.version}", service.name):
            write_atomically(folder / f"{name}.json", service.to_json())


def read_service(path: Path) -> ServiceDescription:
    """The description in a file. Raises FileNotFoundError, and CorruptObject for one that cannot be used."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.get("format", 0) > FORMAT:
            raise CorruptObject(f"{path} was written by a newer Headrace (format {values['format']}). Upgrade.")
        reads = tuple(ViewRead(**{**one, **_tuples(one, "keys", "features")}) for one in values["reads"])
        made = tuple(
            Computation(**{**one, **_tuples(one, "inputs", "outputs"), "reads": tuple(one["reads"])})
            for one in values["computations"]
        )
        columns = {**_tuples(values, "keys", "requests", "items", "outputs"), "owners": tuple(values["owners"])}
        return ServiceDescription(**{**values, **columns, "reads": reads, "computations": made})
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptObject(f"{path} is no service description: {error}. Delete it and build again.") from error


def _tuples(values: Mapping[str, Any], *names: str) -> dict[str, tuple[tuple[Any, ...], ...]]:
    return {name: tuple(tuple(one) for one in values[name]) for name in names}
