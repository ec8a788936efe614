"""Images that rows name by path: read, proved to decode, and put into the table as bytes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pyarrow as pa
from PIL import Image, UnidentifiedImageError

from headrace.declarations.source import Source
from headrace.engine.workbench import Workbench
from headrace.errors import SourceError
from headrace.store.digests import quote


def load_images(source: Source, column: str, bench: Workbench) -> None:
    """Replace the paths in `column` of the table `raw` by the bytes of those files; null stays null."""
    name = quote(column)
    query = f"select distinct __file, {name}::varchar from raw where {name} is not null order by all"
    named = bench.connection.sql(query).fetchall()
    bench.progress(f"reading {len(named)} image(s) of {column}", None)
    paths = [Path(file).parent / path for file, path in named]
    with ThreadPoolExecutor() as pool:
        contents = list(pool.map(lambda path: read_image(source.name, path), paths))
    images = pa.table(
        {
            "file": [file for file, _ in named],
            "path": [path for _, path in named],
            "content": pa.array(contents, pa.binary()),
        },
        schema=pa.schema([("file", pa.string()), ("path", pa.string()), ("content", pa.binary())]),
    )
    bench.connection.register("images_read", images)
    joined = f"raw left join images_read on raw.__file = images_read.file and raw.{name}::varchar = images_read.path"
    bench.connection.execute(
        f"create or replace temp table raw as select raw.* replace (images_read.content as {name}) from {joined}"
    ).fetchall()
    bench.connection.unregister("images_read")


def read_image(source: str, path: Path) -> bytes:
    """The bytes of an image file that decodes; raises SourceError naming it otherwise."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(source, path, f"cannot be read ({error.strerror}).", "Nothing was published.") from error
    try:
        with Image.open(BytesIO(content)) as image:
            image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        fix = "Replace the file, or make its path null. Nothing was published."
        reason = "no known format" if isinstance(error, UnidentifiedImageError) else str(error)
        raise SourceError(source, path, f"is no image that can be decoded ({reason}).", fix) from error
    return content
