"""The content of raw data as the plan knows it: hashes of files and images, the digest of a database's table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from headrace.builder.project import Project
from headrace.declarations.published import Published
from headrace.declarations.source import Source
from headrace.engine.published_tables import published_parts
from headrace.engine.source_files import files_by_label, source_files
from headrace.errors import SourceError
from headrace.lineage.canonical import digest
from headrace.store.pushed import PushLog

PUSHED = "pushed rows"


def raw_parts(project: Project, source: Source) -> dict[str, Any]:
    """What stands for a source's content, by name; raises SourceError for what cannot be read."""
    if isinstance(source, Published):
        return published_parts(source)
    if source.function is not None:
        from headrace.engine.source_functions import function_parts

        return function_parts(source)
    if source.database is not None:
        from headrace.engine.source_tables import table_parts

        return table_parts(source, project.data_folder, project.store_folder / "cache" / "tables.json")
    hashes = _hashes(project, source, source_files(source, project.data_folder))
    if source.images:
        images = [path for path in _images(project, source, hashes) if path.is_file()]
        hashes |= _hashes(project, source, images)
    files = {f"file {_name(project, path)}": content for path, content in hashes.items()}
    return files | _pushed_parts(project, source)


def _pushed_parts(project: Project, source: Source) -> dict[str, str]:
    """What stands for the rows pushed so far: how many pushes there were, and a digest of them."""
    files = PushLog(project.store_folder, source.name).files() if source.push else {}
    if not files:
        return {}
    hashes = _hashes(project, source, [*files.values()])
    return {PUSHED: f"{max(files)} {digest([hashes[path] for path in files.values()])}"}


def pushes_in(parts: Mapping[str, str]) -> int:
    """How many pushes are in the parts of a source."""
    return int(str(parts.get(PUSHED, "0")).partition(" ")[0])


def raw_partitions(project: Project, source: Source, parts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What stands for the content of each partition, by label; `parts` are those of all its files.

    Raises SourceError for rows of no partition.
    """
    if source.partitions is None:
        return {}
    names = {path: f"file {_name(project, path)}" for path in source_files(source, project.data_folder)}
    by_path = files_by_label(source, project.data_folder, names)
    if by_path is None:
        by_path = _files_by_rows(project, source, {path: parts[name] for path, name in names.items() if name in parts})
    return {label: {names[path]: parts[names[path]] for path in paths} for label, paths in by_path.items()}


def partition_parts(project: Project, source: Source, labelled: Mapping[str, str]) -> dict[str, str]:
    """What stands now for the content of the files of one partition; `labelled` is what did when it was planned."""
    paths = {project.data_folder / name.removeprefix("file "): name for name in labelled}
    return {paths[path]: content for path, content in _hashes(project, source, [*paths]).items()}


def _files_by_rows(project: Project, source: Source, files: Mapping[Path, str]) -> dict[str, list[Path]]:
    """The files that hold rows of each partition: a file is looked into once, as long as its content stays."""
    found: dict[str, list[Path]] = {}
    for path, content in files.items():
        question = digest(["labels", source.data(), content])
        labels, lost = project.statements.remembered(question, partial(_ask_labels, source, path))
        _refuse_lost(source, path, labels, lost)
        for label in labels:
            found.setdefault(label, []).append(path)
    return dict(sorted(found.items()))


def _ask_labels(source: Source, path: Path) -> tuple[dict[str, int], int]:
    from headrace.engine.session import connect
    from headrace.engine.sources import labels_of

    with connect() as connection:
        return labels_of(source, path, connection)


def _refuse_lost(source: Source, path: Path, labels: Iterable[str], lost: int) -> None:
    """No row is left out in silence."""
    partitions = source.partitions
    if partitions is None:
        return
    problems = [problem for label in labels if (problem := partitions.why_not(label))]
    problems += [f"{lost} without {partitions.column}."] if lost else []
    if problems:
        fix = f"Mend the data, or partitions= of Source({source.name!r})."
        raise SourceError(source.name, path, f"has rows of no partition: {problems[0]}", fix)


def _images(project: Project, source: Source, files: Mapping[Path, str]) -> list[Path]:
    """The image files that the rows name: another question only when the rows are others."""
    place = str(project.data_folder)
    question = digest(["images", place, source.data(), {str(path): content for path, content in files.items()}])
    known = project.statements.remembered(question, lambda: _ask_images(project, source))
    return [Path(path) for path in known]


def _ask_images(project: Project, source: Source) -> list[str]:
    from headrace.engine.session import connect
    from headrace.engine.sources import image_files

    with connect() as connection:
        return [str(path) for path in image_files(source, project.data_folder, connection)]


def _hashes(project: Project, source: Source, paths: Sequence[Path]) -> dict[Path, str]:
    try:
        return project.file_hashes.hash_all(paths)
    except OSError as error:
        path = error.filename or source.path
        raise SourceError(source.name, path, f"cannot be read: {error.strerror}.", "Nothing was published.") from error


def _name(project: Project, path: Path) -> str:
    folder = project.data_folder
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
