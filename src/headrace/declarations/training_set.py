"""TrainingSet: spine rows with the features that were known at each row's time, a label, and a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headrace.declarations.base import Declaration, names, require_known
from headrace.declarations.feature_view import FeatureSelection, FeatureView
from headrace.declarations.source import Source
from headrace.declarations.split import ColumnSplit, GroupSplit, Split, TimeSplit
from headrace.errors import DeclarationError

SPLIT_COLUMN = "split"


@dataclass(frozen=True, kw_only=True)
class TrainingSet(Declaration):
    """Rows to learn from: each spine row sees only what was known at its own timestamp.

    Args:
        spine: the rows, a Source or FeatureView.
        label: the spine column or columns to predict; never usable as a feature.
        timestamp: the spine's time column, by default its own. Without one only timeless views can be joined.
        features: views, parts of views (`view["a"]`), or views under other keys (`view.on(...)`).
        keep: further spine columns to carry along as features. Nothing else of the spine is kept but its keys,
            timestamp, label and what joins and splits need, so a column known only afterwards cannot leak in.
        split: how rows are divided; without one, all rows are for training.

    The table has the kept spine columns, the features, and `split` (`train`, `validation` or `test`).
    """

    spine: Source | FeatureView
    label: str | Sequence[str]
    timestamp: str | None = None
    features: Sequence[FeatureView | FeatureSelection] = ()
    keep: Sequence[str] = ()
    split: Split | None = None

    kind = "training_sets"
    noun = "TrainingSet"
    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.spine, Source | FeatureView):
            raise DeclarationError(
                self.where, f"spine is a {type(self.spine).__name__}.", fix="Give a Source or FeatureView."
            )
        self._set(label=names(self.where, "label", self.label), keep=names(self.where, "keep", self.keep))
        given = self.features
        single = isinstance(given, FeatureView | FeatureSelection)
        self._set(features=(given,) if single else tuple(given), timestamp=self.timestamp or self.spine.timestamp)
        for one in self.features:
            if not isinstance(one, FeatureView | FeatureSelection):
                fix = "Give views or parts of views, as in features=[activity, profile['title']]."
                named = one.where if isinstance(one, Declaration) else repr(one)
                raise DeclarationError(self.where, f"{named} is no feature view.", fix=fix)
        if self.split is not None and not isinstance(self.split, Split):
            fix = 'Give hr.TimeSplit(test="14d"), hr.GroupSplit("customer_id") or hr.ColumnSplit("fold").'
            raise DeclarationError(self.where, f"split is {self.split!r}.", fix=fix)
        if not self.label:
            raise DeclarationError(self.where, "has no label.", fix="Name the spine column to predict.")
        split_by = [self.split.column] if isinstance(self.split, ColumnSplit) else []
        require_known(self.where, "spine column", (*self.spine_columns(), *split_by), self.spine.columns())
        self._check_times()
        self._check_names()

    def _check_times(self) -> None:
        timed = [selection.view for selection in self.selections if selection.view.timestamp]
        if timed and self.timestamp is None:
            fix = "Say timestamp=, the spine column with the moment each row asks at."
            raise DeclarationError(
                self.where, f"{timed[0].key} changes over time but the spine has no timestamp.", fix=fix
            )
        if isinstance(self.split, TimeSplit) and self.timestamp is None:
            raise DeclarationError(self.where, "is split by time but has no timestamp.", fix="Say timestamp=.")

    def _check_names(self) -> None:
        seen = dict.fromkeys((*self.spine_columns(), SPLIT_COLUMN), "the spine")
        for selection in self.selections:
            for name, _ in selection.features() or ():
                if name in seen:
                    fix = "Give one a prefix: view.on({}, prefix='x_')."
                    raise DeclarationError(
                        self.where, f"{name!r} comes from {seen[name]} and {selection.view.key}.", fix=fix
                    )
                seen[name] = selection.view.key

    @property
    def selections(self) -> tuple[FeatureSelection, ...]:
        """Its features, each as a selection."""
        return tuple(one if isinstance(one, FeatureSelection) else FeatureSelection(one) for one in self.features)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that identify a row: the spine's keys."""
        return tuple(self.spine.keys)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.label)

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        return tuple(dict.fromkeys((self.spine, *(selection.view for selection in self.selections))))

    def spine_columns(self) -> tuple[str, ...]:
        """The spine columns it carries, each once: keys, join keys, timestamp, kept, split, labels."""
        joined = [column for selection in self.selections for column, _ in selection.keys]
        split_by = [self.split.by] if isinstance(self.split, GroupSplit) else []
        split_by += (
            [self.split.column] if isinstance(self.split, ColumnSplit) and self.split.column != SPLIT_COLUMN else []
        )
        time = [self.timestamp] if self.timestamp else []
        return tuple(dict.fromkeys((*self.keys, *joined, *time, *self.keep, *split_by, *self.labels)))

    def columns(self) -> tuple[str, ...] | None:
        found: list[str] = [*self.spine_columns()]
        for selection in self.selections:
            features = selection.features()
            if features is None:
                return None
            found += [name for name, _ in features]
        return (*found, SPLIT_COLUMN)

    def data(self) -> dict[str, Any]:
        return {
            "spine": self.spine.key,
            "label": list(self.labels),
            "timestamp": self.timestamp,
            "keep": list(self.keep),
            "split": self.split.data() if self.split else None,
            "order": [selection.view.key for selection in self.selections],
            **self._readings(),
        }

    def _readings(self) -> dict[str, Any]:
        """How each view is read, named so that a plan can say which reading changed; a view may be read twice."""
        found: dict[str, Any] = {}
        for selection in self.selections:
            name = f"reading of {selection.view.key}"
            times = sum(one == name or one.startswith(f"{name} #") for one in found)
            found[f"{name} #{times + 1}" if times else name] = selection.data()
        return found
