"""TrainingSet: spine rows with the features that were known at each row's time, a label, and a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.declarations.base import Declaration, names, require_known
from headrace.declarations.feature_list import FeatureList
from headrace.declarations.feature_service import FeatureService, as_tuple, expand
from headrace.declarations.feature_view import FeatureSelection, FeatureView
from headrace.declarations.index import Index, view_index
from headrace.declarations.on_demand import OnDemand
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
        features: views, parts of views (`view["a"]`), views under other keys (`view.on(...)`) or with other names
            (`view.renamed(...)`), on-demand features, or a FeatureService. What on-demand features take besides is
            joined and not kept; what they request is a column of the spine.
        keep: further spine columns to carry along as features. Nothing else of the spine is kept but its keys,
            timestamp, label and what joins and splits need, so a column known only afterwards cannot leak in.
        split: how rows are divided; without one, all rows are for training.
        full_names: call each feature `view__feature`, so that equal names of two views stay apart.

    The table has the kept spine columns, the features, and `split` (`train`, `validation` or `test`).
    """

    spine: Source | FeatureView
    label: str | Sequence[str]
    timestamp: str | None = None
    features: Sequence[FeatureView | FeatureSelection | OnDemand | FeatureService] | FeatureService = ()
    keep: Sequence[str] = ()
    split: Split | None = None
    full_names: bool = False
    listed: FeatureList = field(init=False, compare=False, repr=False)

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
        given = as_tuple(self.features)
        self._set(features=given, listed=expand(self.where, given, self.full_names))
        self._set(timestamp=self.timestamp or self.spine.timestamp)
        if self.split is not None and not isinstance(self.split, Split):
            fix = 'Give hr.TimeSplit(test="14d"), hr.GroupSplit("customer_id") or hr.ColumnSplit("fold").'
            raise DeclarationError(self.where, f"split is {self.split!r}.", fix=fix)
        if not self.label:
            raise DeclarationError(self.where, "has no label.", fix="Name the spine column to predict.")
        split_by = [self.split.column] if isinstance(self.split, ColumnSplit) else []
        wanted = (*self.spine_columns(), *self.request_columns(), *split_by)
        require_known(self.where, "spine column", wanted, self.spine.columns())
        self._check_times()
        self.listed.check(self.where, dict.fromkeys((*self.spine_columns(), SPLIT_COLUMN), "the spine"))
        leaked = [name for name in self.request_columns() if name in self.labels]
        if leaked:
            fix = "What is to be predicted is not known when a model is asked."
            raise DeclarationError(self.where, f"the label {leaked[0]!r} is requested by a feature.", fix=fix)

    def _check_times(self) -> None:
        timed = [view for view in self.listed.views if view.timestamp]
        if timed and self.timestamp is None:
            fix = "Say timestamp=, the spine column with the moment each row asks at."
            raise DeclarationError(
                self.where, f"{timed[0].key} changes over time but the spine has no timestamp.", fix=fix
            )
        if isinstance(self.split, TimeSplit) and self.timestamp is None:
            raise DeclarationError(self.where, "is split by time but has no timestamp.", fix="Say timestamp=.")

    @property
    def selections(self) -> tuple[FeatureSelection, ...]:
        """The stored features that are its columns."""
        return self.listed.selections

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that identify a row: the spine's keys."""
        return tuple(self.spine.keys)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.label)

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        return tuple(dict.fromkeys((self.spine, *self.listed.views, *self.indexes)))

    @property
    def indexes(self) -> tuple[Index, ...]:
        """The indexes of its views, where they have one."""
        found = (view_index(view) for view in self.listed.views)
        return tuple(index for index in found if index is not None)

    def spine_columns(self) -> tuple[str, ...]:
        """The spine columns it carries, each once: keys, join keys, timestamp, kept, split, labels."""
        joined = self.listed.key_columns
        split_by = [self.split.by] if isinstance(self.split, GroupSplit) else []
        split_by += (
            [self.split.column] if isinstance(self.split, ColumnSplit) and self.split.column != SPLIT_COLUMN else []
        )
        time = [self.timestamp] if self.timestamp else []
        return tuple(dict.fromkeys((*self.keys, *joined, *time, *self.keep, *split_by, *self.labels)))

    def request_columns(self) -> tuple[str, ...]:
        """The spine columns that on-demand features take; not kept unless they are named elsewhere."""
        return tuple(one.name for one in self.listed.requests)

    def columns(self) -> tuple[str, ...] | None:
        features = self.listed.names()
        return None if features is None else (*self.spine_columns(), *features, SPLIT_COLUMN)

    def data(self) -> dict[str, Any]:
        return {
            "spine": self.spine.key,
            "label": list(self.labels),
            "timestamp": self.timestamp,
            "keep": list(self.keep),
            "split": self.split.data() if self.split else None,
            "order": [one.view.key if isinstance(one, FeatureSelection) else one.where for one in self.listed.items],
            **self._readings(),
            **{one.where: one.data() for one in self.listed.on_demand},
        }

    def _readings(self) -> dict[str, Any]:
        """How each view is read, named so that a plan can say which reading changed; a view may be read twice."""
        found: dict[str, Any] = {}
        for selection in self.selections:
            name = f"reading of {selection.view.key}"
            times = sum(one == name or one.startswith(f"{name} #") for one in found)
            found[f"{name} #{times + 1}" if times else name] = selection.data()
        return found
