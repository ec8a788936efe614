"""Published: a table that another project has built, as a source of this one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headrace.declarations.source import Source


@dataclass(frozen=True, kw_only=True)
class Published(Source):
    """The current version of another project's asset; see `headrace.builder.sharing.published`, which makes it.

    Args:
        project: the other project's folder as it was written, `asset` the key there, `environment` whose version.
        store: that project's store.
        events: whether the events of a view of windows are read, and not the values that it has after each.
    """

    project: str = ""
    asset: str = ""
    environment: str = ""
    store: str = field(default="", compare=False)
    events: bool = False

    noun = "published"
    __hash__ = Source.__hash__

    @property
    def origin(self) -> str:
        return f"{self.asset} of {self.project} ({self.environment})"

    def data(self) -> dict[str, Any]:
        place = {"project": self.project, "asset": self.asset, "environment": self.environment, "events": self.events}
        return {"published": place, **self._rows()}
