"""What a text says, whatever way it is written: what the id of a point holds of its circuit.

The content of a text is the SHA-256 of its words, each followed by a line feed, in UTF-8:

- first the version that it is read as, ``OPENQASM 2.0`` or ``OPENQASM 3.0``, in place of its own
  version line: ``2^3`` is 8 in the one and 1 in the other;
- then its tokens in order, without comments and white space. Strings stand in double quotes, a
  duration without its space;
- a pragma or an annotation is a word too, to the end of its line: a provider may go by it.

Names, spellings of numbers (``0.5``, ``.5``) and the order of statements count: two texts of one
content are read as one program, not the other way round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from qbatch.circuit.qasm.tokens import Token


def content_of(version: str, tokens: Sequence[Token], directives: Sequence[Token]) -> str:
    """Return the content of a text, 64 hex digits.

    Args:
        version: That it is read as.
        tokens: Of the text; the last is of kind "end".
        directives: Its pragmas and annotations.
    """
    said = tokens[3 if tokens[0].text == "OPENQASM" else 0 : -1]
    if directives:
        said = sorted([*said, *directives], key=lambda token: token.start)
    words = [f"OPENQASM {version}", *map(_word, said)]
    text = "".join(f"{word}\n" for word in words)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _word(token: Token) -> str:
    if token.kind == "string":
        return f'"{token.text[1:-1]}"'
    return token.text.replace(" ", "") if token.kind == "duration" else token.text
