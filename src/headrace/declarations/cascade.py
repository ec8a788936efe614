"""Stage and Cascade: dependent models that are trained, versioned and saved as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from headrace.declarations.base import Declaration, check_name, names, require_known
from headrace.declarations.estimator import describe_estimator
from headrace.declarations.matrix import Matrix
from headrace.errors import DeclarationError, UnknownName


@dataclass(frozen=True)
class Stage:
    """One model of a cascade.

    Args:
        matrix: what it learns from.
        target: the label of the matrix's rows that it predicts; rows whose target is null are not learnt from.
        estimator: an unfitted scikit-learn compatible classifier or regressor.
        when: `{upstream stage: answer}` or several answers: the stage serves only rows for which the upstream says so.
        inputs: upstream stages whose predictions become further columns: the probability of each class, or the number.
    """

    name: str
    matrix: Matrix = field(kw_only=True)
    target: str = field(kw_only=True)
    estimator: Any = field(kw_only=True, compare=False)
    when: Mapping[str, Any] = field(kw_only=True, default_factory=dict, hash=False)
    inputs: Sequence[str] = field(kw_only=True, default=())
    description: str = field(kw_only=True, default="", compare=False)
    model: Any = field(init=False, default=None, repr=False, hash=False)

    def __post_init__(self) -> None:
        where = f"Stage({self.name!r})"
        check_name(where, self.name)
        if not isinstance(self.matrix, Matrix):
            raise DeclarationError(where, f"matrix is a {type(self.matrix).__name__}.", fix="Give a Matrix.")
        require_known(where, "target", [self.target], self.matrix.rows.labels)
        routes = {upstream: _answers(where, answers) for upstream, answers in dict(self.when).items()}
        object.__setattr__(self, "when", routes)
        object.__setattr__(self, "inputs", names(where, "inputs", self.inputs))
        object.__setattr__(self, "model", describe_estimator(where, self.estimator))

    @property
    def upstream(self) -> tuple[str, ...]:
        """The stages it depends on, each once."""
        return tuple(dict.fromkeys((*self.when, *self.inputs)))

    def data(self) -> dict[str, Any]:
        return {
            "matrix": self.matrix.key,
            "target": self.target,
            "estimator": self.model,
            "when": {upstream: list(answers) for upstream, answers in self.when.items()},
            "inputs": list(self.inputs),
        }


def _answers(where: str, answers: Any) -> tuple[Any, ...]:
    found = tuple(answers) if isinstance(answers, list | tuple | set | frozenset) else (answers,)
    if not found or any(not isinstance(one, str | bool | int) for one in found):
        raise DeclarationError(
            where, f"when={answers!r} names no answer.", fix="Give a class, as in when={'age_band': 'minor'}."
        )
    return found


@dataclass(frozen=True, kw_only=True)
class Cascade(Declaration):
    """Stages in any order, upstream ones found by name; the whole is one bundle.

    Args:
        stages: the models. Stages with the same target are alternatives: routing decides which one answers a row.
        folds: into how many parts the training rows are cut for out-of-fold upstream predictions.
        group: columns whose equal values stay in one fold; by default the keys of a stage's rows. Each stage that an
            upstream feeds must carry the upstream's group columns.

    >>> Cascade("recommend", stages=[])
    Traceback (most recent call last):
    headrace.errors.DeclarationError: Cascade('recommend'): has no stages. ...
    """

    stages: Sequence[Stage]
    folds: int = 5
    group: Sequence[str] = ()

    kind = "cascades"
    noun = "Cascade"
    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(stages=tuple(self.stages), group=names(self.where, "group", self.group))
        if not self.stages:
            raise DeclarationError(self.where, "has no stages.", fix="Give stages=[hr.Stage(...)].")
        names(self.where, "stages", [stage.name for stage in self.stages])
        if self.folds < 2:
            raise DeclarationError(self.where, f"folds={self.folds} leaves nothing out.", fix="Use 2 or more.")
        for stage in self.stages:
            self._check_stage(stage)
        self._check_alternatives()
        self._set(stages=self._ordered())

    def _check_stage(self, stage: Stage) -> None:
        where = f"{self.where}.{stage.name}"
        require_known(where, "stage", stage.upstream, [one.name for one in self.stages if one is not stage])
        rows = stage.matrix.rows
        require_known(where, "group column", self.groups(stage), rows.spine_columns())
        for upstream in map(self.stage, stage.upstream):
            needed = (*upstream.matrix.transform.required(), *self.groups(upstream))
            at = f"{where} is fed by {upstream.name!r}, so {rows.key} must carry what {upstream.name!r} reads"
            require_known(at, "column", needed, rows.columns())

    def _check_alternatives(self) -> None:
        for target in {stage.target for stage in self.stages}:
            same = [stage for stage in self.stages if stage.target == target]
            open_to_all = [stage.name for stage in same if not stage.when]
            if len({stage.matrix.rows.key for stage in same}) > 1:
                problem = f"the stages that predict {target!r} learn from different training sets."
                raise DeclarationError(self.where, problem, fix="Give them matrices over the same rows.")
            for number, stage in enumerate(same):
                self._check_overlap(stage, same[:number])
            if len(same) > 1 and open_to_all:
                fix = "Give each a when=, or different targets."
                problem = f"several stages predict {target!r} and {open_to_all[0]!r} serves every row."
                raise DeclarationError(self.where, problem, fix=fix)

    def _check_overlap(self, stage: Stage, others: Sequence[Stage]) -> None:
        """Two alternatives must differ in what some common router says of their rows."""
        for other in others:
            common = [name for name in stage.when if name in other.when]
            if common and all(set(stage.when[name]) & set(other.when[name]) for name in common):
                problem = f"{other.name!r} and {stage.name!r} would both answer {stage.target!r} for some rows."
                raise DeclarationError(self.where, problem, fix="Give their when= answers that exclude each other.")

    def _ordered(self) -> tuple[Stage, ...]:
        try:
            order = TopologicalSorter({stage.name: stage.upstream for stage in self.stages}).static_order()
            return tuple(self.stage(name) for name in order)
        except CycleError as error:
            circle = " -> ".join(error.args[1])
            raise DeclarationError(self.where, f"stages feed each other in a circle: {circle}.") from None

    def stage(self, name: str) -> Stage:
        """The stage of that name."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise UnknownName(self.where, "stage", name, [stage.name for stage in self.stages])

    def feeders(self, stage: Stage) -> tuple[Stage, ...]:
        """Every stage that `stage` depends on, at any distance, upstream first."""
        reached: set[str] = set()
        waiting = list(stage.upstream)
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += self.stage(name).upstream
        return tuple(one for one in self.stages if one.name in reached)

    @property
    def targets(self) -> dict[str, tuple[Stage, ...]]:
        """What it predicts: each target with the stages that are alternatives for it."""
        names_ = dict.fromkeys(stage.target for stage in self.stages)
        return {target: tuple(stage for stage in self.stages if stage.target == target) for target in names_}

    def groups(self, stage: Stage) -> tuple[str, ...]:
        """The columns that keep rows of `stage` in one fold."""
        return tuple(self.group) or stage.matrix.rows.keys

    @property
    def members(self) -> tuple[CascadeStage, ...]:
        """Its stages as assets of their own, upstream first."""
        return tuple(CascadeStage(stage.name, description=stage.description, cascade=self) for stage in self.stages)

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        return tuple(dict.fromkeys(stage.matrix for stage in self.stages))

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        around = [part for matrix in self.matrices for part in (matrix.rows, matrix.transform, matrix)]
        return tuple(dict.fromkeys((*self.members, *around)))

    def data(self) -> dict[str, Any]:
        stages = {f"stage {stage.name}": stage.data() for stage in self.stages}
        return {"folds": self.folds, "group": list(self.group), **stages}


@dataclass(frozen=True, kw_only=True)
class CascadeStage(Declaration):
    """A stage of a cascade as an asset: `cascades/<cascade>/<stage>`."""

    cascade: Cascade

    kind = "cascades"
    noun = "Stage"
    __hash__ = Declaration.__hash__

    @property
    def stage(self) -> Stage:
        return self.cascade.stage(self.name)

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.cascade.name}/{self.name}"

    def needs_folds(self, held_out: bool) -> bool:
        """Whether fold models are needed: to feed another stage, or to have metrics without held-out rows."""
        return not held_out or any(self.name in stage.upstream for stage in self.cascade.stages)

    @property
    def feeders(self) -> tuple[CascadeStage, ...]:
        """The upstream stages as assets, at any distance."""
        names_ = {stage.name for stage in self.cascade.feeders(self.stage)}
        return tuple(one for one in self.cascade.members if one.name in names_)

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        """Its matrix and upstream stages; with these also what it takes to ask the upstream models about its rows."""
        matrix = self.stage.matrix
        fed = [part for one in self.feeders for part in (one, one.stage.matrix.transform)]
        same = [one.stage.matrix for one in self.feeders if one.stage.matrix.rows == matrix.rows]
        return tuple(dict.fromkeys((matrix, *fed, *same, *((matrix.rows,) if fed else ()))))

    def data(self) -> dict[str, Any]:
        return {"folds": self.cascade.folds, "group": list(self.cascade.groups(self.stage)), **self.stage.data()}
