"""Which files a source consists of, and whose they are. Imports nothing heavy: a plan asks for them each time."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path, PurePath

from headrace.declarations.partitions import PLACE, TimePartitions, path_format
from headrace.declarations.published import Published
from headrace.declarations.source import Source
from headrace.errors import SourceError

_WILD = re.compile(r"\*\*/?|\*|\?|\[[^\]]*\]")


def source_files(source: Source, data_folder: Path) -> list[Path]:
    """The files of a source, sorted; raises SourceError when there are none."""
    if isinstance(source, Published):
        from headrace.engine.published_tables import published_files

        return published_files(source)
    pattern = data_folder / PLACE.sub(_any_label, source.path)  # an absolute path stays as it is
    found = sorted(Path(path) for path in glob.glob(str(pattern), recursive=True) if Path(path).is_file())
    if not found:
        fix = f"Put the data there, or mend path= of Source({source.name!r})."
        raise SourceError(source.name, data_folder / source.path, "no such file.", fix)
    return found


def _any_label(place: re.Match[str]) -> str:
    return re.sub(r"[^/]+", "*", place[1] or "label")


def files_by_label(source: Source, data_folder: Path, files: Iterable[Path]) -> dict[str, list[Path]] | None:
    """The files of each partition, in order, or None where `{partition}` is not in the path.

    Raises SourceError for a file that is of no partition: none is left out in silence.
    """
    if source.partitions is None or not PLACE.search(source.path):
        return None
    found: dict[str, list[Path]] = {}
    for path in files:
        found.setdefault(_label(source, data_folder, path), []).append(path)
    return dict(sorted(found.items()))


def _label(source: Source, data_folder: Path, path: Path) -> str:
    pattern = PurePath(source.path)
    name = path.as_posix() if pattern.is_absolute() else path.relative_to(data_folder).as_posix()
    found = _regex(pattern.as_posix()).fullmatch(name)
    problem = f"its path does not fit {source.path!r}." if found is None else None
    label = "" if found is None else _read_label(source, found["label"])
    if problem is None and source.partitions is not None:
        problem = source.partitions.why_not(label)
    if problem is not None:
        fix = f"Rename it, move it away, or mend path= and partitions= of Source({source.name!r})."
        raise SourceError(source.name, path, f"belongs to no partition: {problem}", fix)
    return label


def _read_label(source: Source, text: str) -> str:
    """The label that a part of a path stands for; the text itself where it is none."""
    written = path_format(source.where, source.path, source.partitions)
    partitions = source.partitions
    if written is None or not isinstance(partitions, TimePartitions) or written == partitions.format:
        return text
    try:
        return datetime.strptime(text, written).strftime(partitions.format)
    except ValueError:
        return text


@lru_cache(maxsize=256)
def _regex(pattern: str) -> re.Pattern[str]:
    """A glob with `{partition}` in it as a regular expression."""
    parts = PLACE.split(pattern)  # text and formats in turn
    texts, formats = parts[::2], parts[1::2]
    said = [_text_regex(texts[0])]
    for number, (written, text) in enumerate(zip(formats, texts[1:], strict=True)):
        segments = "/".join(["[^/]+?"] * (1 + (written or "").count("/")))
        said += [f"(?P<label>{segments})" if number == 0 else "(?P=label)", _text_regex(text)]
    return re.compile("".join(said))


def _text_regex(text: str) -> str:
    wild = {"**": ".*", "**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    found, last = [], 0
    for match in _WILD.finditer(text):
        brackets = match[0].replace("[!", "[^")
        found += [re.escape(text[last : match.start()]), wild.get(match[0], brackets)]
        last = match.end()
    return "".join([*found, re.escape(text[last:])])
