"""FeatureStore: features for training and for answering, read from a project's store without Dagster."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from headrace.declarations.feature_list import FeatureList
from headrace.declarations.feature_service import FeatureService, as_tuple, expand
from headrace.declarations.feature_view import FeatureSelection, FeatureView
from headrace.declarations.on_demand import OnDemand
from headrace.engine.service_descriptions import code_digest, describe_list
from headrace.errors import OnDemandError, OnlineError, RequestError, closest, name_list
from headrace.serving.online_features import OnlineFeatures
from headrace.serving.service_plan import ServicePlan
from headrace.settings import check_environment, find_root, read_settings
from headrace.store.online.base import OnlineStore
from headrace.store.online.open import open_online
from headrace.store.services import (
    Computation,
    ServiceDescription,
    ViewRead,
    published_services,
    read_service,
    services_folder,
)
from headrace.store.store import Store

if TYPE_CHECKING:
    from datetime import datetime

    from headrace.declarations.source import Source
    from headrace.serving.historical import Historical
    from headrace.serving.push import Pushed


_Stamp = tuple[int, int, int]


class FeatureStore:
    """The features of a project, as one environment has them.

    Args:
        project: the project's folder, or one below it; by default the working directory.
        environment: whose features; by default the project's.

    The project's code is imported only for on-demand features. Any number of threads and processes may read. Close it,
    or use it in a `with` statement.

    Attributes:
        outdated: services that are answered as they were published before, and why; a new process answers as they are.

    Raises ProjectError where there is no project.
    """

    def __init__(self, project: Path | str | None = None, environment: str | None = None) -> None:
        self.root = find_root(Path(project) if project is not None else Path.cwd())
        settings = read_settings(self.root)
        self.environment = check_environment(environment or settings.environment)
        self.store_folder = self.root / settings.store
        self._settings = settings
        self._services: dict[str, tuple[_Stamp, ServicePlan]] = {}
        self._files: dict[str, str] = {}
        self._lists: dict[tuple[Any, ...], ServicePlan] = {}
        self.outdated: dict[str, str] = {}

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the online store."""
        if "online_store" in self.__dict__:
            self.online_store.close()
            del self.__dict__["online_store"]

    @cached_property
    def online_store(self) -> OnlineStore:
        """The database behind `online`, opened when it is first asked."""
        return open_online(self.store_folder, self.environment, self._settings)

    @property
    def is_remote(self) -> bool:
        """Whether reading takes a way through a network."""
        return bool(self._settings.online.get("url"))

    def services(self) -> list[str]:
        """The names of the services that builds have published, sorted."""
        return published_services(self.store_folder, self.environment)

    def service(self, name: str) -> ServiceDescription:
        """What a service needs and answers; `name@2` is one of its versions. Raises RequestError for an unknown one."""
        try:
            return read_service(self._file(name))
        except FileNotFoundError:
            raise self._unknown(name) from None

    def online(
        self,
        features: FeatureService | FeatureView | OnDemand | str | Sequence[Any],
        keys: Any,
        request: Any = None,
        *,
        at: datetime | None = None,
    ) -> OnlineFeatures:
        """The values of features as they are now, typed, with the status of each.

        Args:
            features: a service, or its name (`"purchase"`, `"purchase@2"`); views, parts of views and on-demand
                features as in a training set; or a list of references by name, `["activity", "profile:title"]`.
            keys: who is asked about: `{"customer_id": 5}`, a list of such, `{"customer_id": [5, 6]}`, or a frame.
            request: what on-demand features request, in the same forms; a single mapping stands for every row.
            at: the moment of asking, by which values expire and windows are counted; by default now.

        Raises RequestError for a question that does not fit, saying what would; OnlineError for a view that was never
        filled; OnDemandError when an on-demand function fails.
        """
        if at is not None and not isinstance(at, date):
            raise RequestError("wrong_type", f"should be a datetime, got {at!r}.", "at")
        return self.plan(features).answer(self.online_store, keys, request, at)

    def push(self, view: FeatureView | Source | str, rows: Any) -> Pushed:
        """Push rows to a view whose source says `push=True`: on disk when this returns, and online.

        Args:
            rows: mappings, or a polars, pandas or Arrow table, with all columns of the source.

        The next build has the rows as well. See `headrace.serving.push.push`. Raises DeclarationError where nothing can
        be pushed to, ValidationError for rows that do not fit; then nothing was pushed.
        """
        from headrace.serving.push import push

        return push(self.root, view, rows, self.environment)

    def historical(
        self,
        features: FeatureService | FeatureView | OnDemand | str | Sequence[Any],
        spine: Any,
        timestamp: str | None = None,
        *,
        as_of: date | str | None = None,
        known_only: bool = True,
        full_names: bool = False,
    ) -> Historical:
        """The features of each row of `spine` as they were known at its own moment, to learn from.

        Args:
            features: as for `online`; names are looked up in the project's code, which is imported for it.
            spine: a Source or FeatureView, a polars or Arrow table, a DuckDB relation, SQL over the current tables, or
                the path of a Parquet, CSV or JSON file.
            timestamp: the spine's column with the moment each row asks at; by default a declaration's own.
            as_of: leave out what was not known at this moment.
            known_only: hide what was created after a row's own moment. False is the leaky reading.
            full_names: call each feature `view__feature`.

        The result is computed when it is read: `.pl()`, `.arrow()`, `.relation()`, `.batches()`, `.write(path)`.
        Raises NotBuilt for a view without a version, DeclarationError for a spine that does not fit.
        """
        from headrace.serving.declared import features_named
        from headrace.serving.historical import historical

        listed = features_named(self.root, self._settings.assets, features, "FeatureStore.historical", full_names)
        return historical(
            Store(self.store_folder),
            self.environment,
            listed,
            spine,
            timestamp,
            as_of=as_of,
            known_only=known_only,
            memory=self._settings.memory,
        )

    def plan(self, features: Any) -> ServicePlan:
        """How `features` are read; made once, and again when a build has published another description."""
        if isinstance(features, str):
            return self._named(features)
        if isinstance(features, FeatureService):
            return self._listed((features,))
        if not isinstance(features, FeatureView | FeatureSelection | OnDemand | Iterable):
            problem = f"should be a service, views, or their names in a list, got {features!r}."
            raise RequestError("wrong_type", problem, "features")
        given = tuple(as_tuple(features))
        if not given:
            raise RequestError("wrong_type", "is empty: name what is asked for.", "features")
        if given and all(isinstance(one, str) for one in given):
            return self._referred(given)
        return self._listed(given)

    def _named(self, name: str) -> ServicePlan:
        path = self._files.get(name) or str(self._file(name))
        try:
            found = os.stat(path)
        except OSError:
            raise self._unknown(name) from None
        self._files[name] = path
        stamp = found.st_mtime_ns, found.st_ino, found.st_size
        known = self._services.get(name)
        if known is not None and known[0] == stamp:
            return known[1]
        try:
            plan = ServicePlan(self.service(name), self._imported)
            self.outdated.pop(name, None)
        except OnDemandError as error:
            if known is None:
                raise
            # Its code was built anew while this process holds the old: that stays right for what it was published with.
            plan, self.outdated[name] = known[1], str(error)
        self._services[name] = stamp, plan
        return plan

    def _listed(self, given: tuple[Any, ...]) -> ServicePlan:
        plan = self._lists.get(given)
        if plan is None:
            listed = expand("FeatureStore.online", given)
            listed.check("FeatureStore.online", {})
            plan = self._lists[given] = self._plan_of(listed, given)
        return plan

    def _plan_of(self, listed: FeatureList, given: tuple[Any, ...]) -> ServicePlan:
        one = given[0] if len(given) == 1 and isinstance(given[0], FeatureService) else None
        name, version = (one.name, one.version) if one else ("features", 1)
        by_name = {made.name: made for made in listed.on_demand}
        return ServicePlan(describe_list(name, version, listed, self._types), lambda made: by_name[made.name])

    def _types(self, view: FeatureView) -> Mapping[str, str]:
        """The SQL types of a view's columns as the online store has them."""
        schema = self.online_store.describe(view.name)
        if schema is None:
            fix = f"Declare it with online=True and run `headrace build online/{view.name}`."
            raise OnlineError(view.name, f"it was never filled in environment {self.environment!r}.", fix)
        return dict((*schema.keys, *schema.features))

    def _referred(self, given: tuple[str, ...]) -> ServicePlan:
        plan = self._lists.get(given)
        if plan is None:
            reads = tuple(self._reference(one) for one in given)
            outputs = tuple((output, kind) for read in reads for output, _, kind in read.features)
            names = [name for name, _ in outputs]
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                problem = f"{repeated[0]!r} is asked for twice. Ask for views as objects, and rename one."
                raise RequestError("repeated_feature", problem, "features")
            keys = {column: kind for read in reads for column, _, kind in read.keys}
            items = tuple(("read", number) for number in range(len(reads)))
            described = ServiceDescription("features", 1, tuple(keys.items()), (), reads, (), items, outputs)
            plan = self._lists[given] = ServicePlan(described, self._imported)
        return plan

    def _reference(self, text: str) -> ViewRead:
        """What `view` or `view:feature` means."""
        view, colon, feature = text.partition(":")
        schema = self.online_store.describe(view)
        if schema is None:
            raise _no("unknown_view", "view", view, self.online_store.views(), "features")
        known = dict(schema.features)
        if colon and feature not in known:
            raise _no("unknown_feature", f"feature of {view}", feature, known, "features")
        wanted = (feature,) if colon else tuple(known)
        keys = tuple((name, name, kind) for name, kind in schema.keys)
        return ViewRead(view, keys, tuple((name, name, known[name]) for name in wanted))

    def _imported(self, made: Computation) -> OnDemand:
        """On-demand features out of the project's own code, which must be the code that was built with."""
        module, _, name = made.function.partition(":")
        where = f"OnDemand({made.name!r})"
        if str(self.root) not in sys.path:
            sys.path.insert(0, str(self.root))
        try:
            found = getattr(importlib.import_module(module), name, None)
        except ImportError as error:
            raise OnDemandError(where, f"{module} cannot be imported from {self.root}: {error}") from error
        if not isinstance(found, OnDemand):
            raise OnDemandError(where, f"{made.function} is no on-demand feature any more. Run `headrace build`.")
        if code_digest(found) != made.code:
            problem = f"the code of {made.function} is not what environment {self.environment!r} was built with"
            raise OnDemandError(where, f"{problem}. Run `headrace build`, and start this process again.")
        return found

    def _file(self, name: str) -> Path:
        if not name.replace("@", "").replace("_", "").isalnum() or not name.isascii():
            raise self._unknown(name)
        return services_folder(self.store_folder, self.environment) / f"{name}.json"

    def _unknown(self, name: str) -> RequestError:
        known = self.services()
        if not known:
            problem = f"no service is published in environment {self.environment!r}. Run `headrace build`."
            return RequestError("unknown_service", problem)
        return _no("unknown_service", "service", name, known)


def _no(
    reason: str, what: str, given: str, known: Mapping[str, Any] | Sequence[str], field: str | None = None
) -> RequestError:
    near = closest(given, known)
    hint = f" Did you mean {near!r}?" if near else ""
    shown = given if len(given) <= 80 else f"{given[:80]}..."
    return RequestError(reason, f"unknown {what} {shown!r}.{hint} Known: {name_list(known)}.", field)
