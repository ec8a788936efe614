"""The words of a selection: names and globs, texts in quotes, and signs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headrace.errors import SelectionError

_WORD = re.compile(r'(?P<blank>\s*)(?:"(?P<quoted>[^"]*)"|(?P<sign>[,()+=:])|(?P<plain>[^\s,()+=:"]+))')


@dataclass(frozen=True)
class Word:
    """A word, where it starts, and whether it stands apart from the one before."""

    text: str
    start: int
    apart: bool
    quoted: bool = False

    @property
    def is_number(self) -> bool:
        return self.text.isdigit() and not self.quoted


def words_in(text: str) -> list[Word]:
    """Split a selection. Raises SelectionError when it has no word, or a quote that is not closed.

    >>> [word.text for word in words_in('+key:"a b" and x+2')]
    ['+', 'key', ':', 'a b', 'and', 'x', '+', '2']
    """
    words: list[Word] = []
    position = 0
    while text[position:].strip():
        found = _WORD.match(text, position)
        if found is None:
            raise SelectionError(text, text.index('"', position), "This quote is not closed.")
        start = found.end("blank")
        words.append(
            Word(
                found["quoted"] or found["sign"] or found["plain"] or "",
                start,
                bool(found["blank"]),
                found["quoted"] is not None,
            )
        )
        position = found.end()
    if not words:
        raise SelectionError(text, 0, "This selection is empty.")
    return words
