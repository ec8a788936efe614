"""Feature views of a generated project: how each is written, what it gives and what it reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.incremental.templates import PLACES, TEMPLATES, WINDOWED, Template

STYLES = 4
_KEYWORDS = re.compile(
    r"\b(select|distinct|from|where|group by|having|join|left|on|using|with|union all|order by|partition by|over"
    r"|qualify|is not null|in|as|desc|exclude)\b"
)
_CLAUSES = re.compile(r" (?=from |where |group by |qualify |union all )")


@dataclass(frozen=True)
class AllBut:
    """Every column in the table's order, but these."""

    columns: frozenset[str] = frozenset()


Reads = tuple[str, ...] | AllBut


@dataclass(frozen=True)
class Relation:
    """A table as a view sees it: its name in the code, its asset key, its columns with their kinds, its times."""

    name: str
    key: str
    kinds: Mapping[str, str]
    timestamp: str | None
    created: str | None = None
    identified: bool = False

    @property
    def times(self) -> tuple[str, ...]:
        return tuple(one for one in (self.timestamp, self.created) if one is not None)


@dataclass(frozen=True)
class View:
    """A template filled in. `style` only changes how the code looks.

    Attributes:
        columns: the input column that each placeholder stands for.
        number, window: a literal in its conditions, and the days of its window.
        order: the order of its select list.
    """

    name: str
    template: str
    inputs: tuple[str, ...]
    columns: Mapping[str, str]
    number: int = 0
    window: int = 7
    order: tuple[int, ...] = ()
    style: int = 0

    @property
    def shape(self) -> Template:
        return TEMPLATES[self.template]

    @property
    def key(self) -> str:
        return f"features/{self.name}"

    @property
    def timed_by_source(self) -> bool:
        return self.shape.language in ("columns", "windows")

    def renamed(self, old: str, new: str) -> View:
        return replace(self, columns={one: new if name == old else name for one, name in self.columns.items()})

    def relation(self, inputs: Sequence[Relation]) -> Relation:
        """Its result; the order of columns does not matter here."""
        known = {name: kind for one in inputs for name, kind in one.kinds.items()}
        kinds = {"k": "key"}
        if self.shape.passes:
            gone = self.columns.get(self.shape.excluded)
            kinds |= {name: kind for name, kind in inputs[0].kinds.items() if name != gone}
        timestamp = inputs[0].timestamp if self.timed_by_source else None
        # A table of aggregates holds their values after each event, whenever that came to be known.
        created = inputs[0].created if self.shape.language == "columns" else None
        kinds |= {name: "time" for name in (timestamp, created) if name}
        for end, kind in self.shape.outputs.items():
            kinds[f"{self.name}_{end}"] = known[self.columns[kind]] if kind in self.columns else kind
        if self.timed_by_source:
            return Relation(self.name, self.key, kinds, timestamp, created)
        return Relation(self.name, self.key, kinds, f"{self.name}_at" if self.template == "timed" else None)

    def reads(self, inputs: Sequence[Relation]) -> dict[str, Reads]:
        """The columns of each input that its result depends on."""
        found: dict[str, Reads] = {}
        for number, one in enumerate(inputs):
            if self.shape.ordered and not one.identified:
                found[one.key] = AllBut(frozenset())  # no column alone says which of two rows comes first
                continue
            if "ab"[number] in self.shape.all_of:
                found[one.key] = AllBut(frozenset(filter(None, [self.columns.get(self.shape.excluded)])))
                continue
            picked = [self.columns[name] for name in self.shape.placeholders if PLACES[name[0]][0] == number]
            picked += one.times if self.timed_by_source else ()
            found[one.key] = tuple(dict.fromkeys(("k", *picked)))
        return found

    def window_reads(self, source: Relation, features: Iterable[str]) -> tuple[str, ...]:
        """The event columns that some of its windowed features read."""
        return ("k", *source.times, *self._events({name.rpartition("_")[2] for name in features}))

    def _events(self, ends: Iterable[str]) -> list[str]:
        return sorted({self.columns[one] for end in ends for one in WINDOWED[end]})

    def reading(self, features: Iterable[str]) -> str:
        """What decides the values of some of its windowed features at any moment, besides the events."""
        ends = {name.rpartition("_")[2] for name in features}
        window = self.window if ends & {"0", "2"} else None
        return f"{self._events(ends)} {window} {self.number if '2' in ends else None}"

    def code(self, inputs: Sequence[Relation]) -> str:
        """Its declaration in Python."""
        names = {"a": "{a}", "b": "{b}", "v": self.name, "x": str(self.number), "w": str(self.window)}
        body = self._filled({**names, **self.columns})
        if self.timed_by_source:
            return (
                f"{self.name} = hr.FeatureView('{self.name}', entity=entity, source={inputs[0].name},{self._note()}\n"
                f"    features={{{body}}})\n"
            )
        time = f', timestamp="{self.name}_at"' if self.template == "timed" else ""
        tables = ", ".join(f'"{letter}": {one.name}' for letter, one in zip("ab", inputs, strict=False))
        return (
            f"@hr.feature_view(entity=entity, inputs={{{tables}}}{time})\n"
            f"def {self.name}({self._parameters(len(inputs))}):\n{self._docstring()}    {self._statement(body)}\n"
        )

    def _filled(self, names: Mapping[str, str]) -> str:
        items = [self.shape.items[number] for number in self.order] or list(self.shape.items)
        text = self.shape.body.replace("{items}", ", ".join(["k", *items]))
        return re.sub(r"\{(\w+)\}", lambda match: names[match[1]], text)

    def _parameters(self, count: int) -> str:
        kind = "" if self.shape.language == "sql" else f": pl.{self.shape.language}"
        return ", ".join(f"{letter}{kind}" for letter in "ab"[:count])

    def _docstring(self) -> str:
        return f'    """How it looks: {self.style}."""\n' if self.style else ""

    def _note(self) -> str:
        return f"  # looks like {self.style}" if self.style else ""

    def _statement(self, body: str) -> str:
        if self.shape.language != "sql":
            return re.sub(r"\{([ab])\}", r"\1", body) + self._note()
        styled = {
            0: body,
            1: _KEYWORDS.sub(lambda match: match[0].upper(), body),
            2: _CLAUSES.sub("\n        ", body) + "\n    -- and no more",
            3: body.replace("select ", "select /* see */  ").replace(", ", " ,\n"),
        }[self.style]
        return f'return f"""{styled}"""'


def draw_view(rng: Random, name: str, template: str, relations: Sequence[Relation]) -> View | None:
    """A view of this shape over some of `relations`; None when the columns for it are not to be had."""
    shape = TEMPLATES[template]
    inputs = rng.choices(relations, k=shape.inputs)
    if len({one.key for one in inputs}) < len(inputs) or (shape.language == "windows" and not inputs[0].timestamp):
        return None
    columns: dict[str, str] = {}
    for placeholder in shape.placeholders:
        number, kinds = PLACES[placeholder[0]]
        free = [one for one, kind in inputs[number].kinds.items() if kind in kinds and one not in columns.values()]
        if not free:
            return None
        columns[placeholder] = rng.choice(free)
    order = tuple(rng.sample(range(len(shape.items)), len(shape.items)))
    return View(name, template, tuple(one.name for one in inputs), columns, rng.randint(-2, 2), order=order)
