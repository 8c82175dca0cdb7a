"""Answers of a cloud, spoilt in every way a driver must survive; one seed, one way.

A mutation is structural where the body is JSON: somewhere in the tree a value gets another type,
goes missing, is doubled, or holds something hostile; JSON inside of text, and text that is base64
of zlib, are opened first. Else the body, the headers or the status are spoilt as a whole.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Answer:
    """A cloud's answer as it goes over the line.

    Attributes:
        breaks_off: The connection ends before the length that was announced.
    """

    status: int
    headers: Headers
    body: bytes
    breaks_off: bool = False

    def with_header(self, name: bytes, value: bytes) -> Answer:
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name)
        return replace(self, headers=(*kept, (name, value)))

    def with_body(self, body: bytes) -> Answer:
        return replace(self, body=body).with_header(b"content-length", str(len(body)).encode())


TEXTS = (
    "",
    " ",
    "\x00",
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "two\r\nlines\tand\x85more\x9b31m",
    "<script>document.title='owned'</script><img src=x onerror=alert(1)>",
    "!!python/object/apply:os.system ['true']",
    "cos\nsystem\n(S'true'\ntR.",
    "{0.__class__.__init__.__globals__} %s %n ${PATH} {{ 7*7 }}",
    "../../../../etc/passwd",
    "..",
    "a/b?c=d#e",
    "%2e%2e%2f",
    "x" * 100_000,
    "\ud800\udfff\ud800",
    "\u202ereversed\u202c",
    "-1",
    "1e999",
    "NaN",
    "null",
    "[" * 2_000,
    "http://[",
    "http://127.0.0.1:99999/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://storage.invalid/a?X-Amz-Signature=5ecre7s1gna7ure&X-Amz-Credential=AKIA",
    "'; DROP TABLE jobs; --",
    "COMPLETED",
    "MELTING",
    "0001-01-01T00:00:00Z",
    "9999-99-99T99:99:99Z",
    "9" * 5_000,
)

#: Tokens that `json.dumps` would not write stand for themselves, between these marks.
RAW = "\ue000raw:{}\ue001"

NUMBERS: tuple[Any, ...] = (
    0,
    -1,
    True,
    False,
    0.5,
    -0.5,
    1e308,
    10**30,
    -(10**30),
    2**63,
    10**400,
    RAW.format("1e999"),
    RAW.format("-1e999"),
    RAW.format("NaN"),
    RAW.format("Infinity"),
    RAW.format("-Infinity"),
    RAW.format("9" * 5_000),
)

DEEP = RAW.format("[" * 400 + "]" * 400)
OBJECTS: tuple[Any, ...] = (
    None,
    [],
    {},
    [None],
    [[]],
    {"": None},
    [1, "two", None, {"three": 3}],
    {"id": None, "status": 7, "message": {"a": ["b"]}},
    DEEP,
    RAW.format("[" * 100_000),
)


def hostile(random: Random) -> Any:
    """Return a value nobody expects."""
    return random.choice(random.choice((TEXTS, NUMBERS, OBJECTS)))


# -- trees ----------------------------------------------------------------------------------------

Path = tuple[Any, ...]


def paths(tree: Any, at: Path = ()) -> list[Path]:
    """Return the path of every value in a tree; long lists are looked into at their head."""
    found = [at]
    if isinstance(tree, dict):
        for key, value in list(tree.items())[:40]:
            found += paths(value, (*at, key))
    elif isinstance(tree, list):
        for number, value in enumerate(tree[:5]):
            found += paths(value, (*at, number))
    return found


def changed(tree: Any, at: Path, change: Callable[[Any], Any]) -> Any:
    """Return the tree with the value at a path changed."""
    if not at:
        return change(tree)
    if isinstance(tree, dict):
        return {**tree, at[0]: changed(tree[at[0]], at[1:], change)}
    return [changed(v, at[1:], change) if n == at[0] else v for n, v in enumerate(tree)]


def without(tree: Any, at: Path) -> Any:
    """Return the tree without the value at a path; without the last step there is nothing."""
    if not at:
        return None
    if len(at) > 1:
        return changed(tree, at[:1], lambda part: without(part, at[1:]))
    if isinstance(tree, dict):
        return {key: value for key, value in tree.items() if key != at[0]}
    return [value for number, value in enumerate(tree) if number != at[0]]


def write(tree: Any) -> bytes:
    """Write a tree as JSON; marked tokens stand for themselves, and surrogates as escapes."""
    before, after = (json.dumps(mark) for mark in RAW.split("{}"))
    return json.dumps(tree).replace(before[:-1], "").replace(after[1:], "").encode()


def spoil_value(value: Any, random: Random) -> Any:
    """Change one value, or what is packed inside of it."""
    if isinstance(value, str) and random.random() < 0.8:
        packed = _spoil_packed(value, random)
        if packed is not None:
            return packed
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and abs(value) < 1e300 and random.random() < 0.5:
        return random.choice((-value, value + 1, value * 2, str(value), float(value) + 0.5))
    if isinstance(value, list) and random.random() < 0.4:
        return random.choice((value * 2, value[:-1], [hostile(random), *value], value[::-1]))
    if isinstance(value, dict) and random.random() < 0.4:
        return {**value, random.choice(TEXTS): hostile(random)}
    return hostile(random)


def _spoil_packed(text: str, random: Random) -> str | None:
    """Spoil JSON in a text, or bytes that are base64 of zlib; None: it is neither."""
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        inner = None
    if isinstance(inner, dict | list):
        return write(spoil_tree(inner, random)).decode()
    try:
        data = zlib.decompress(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error, zlib.error):
        return None
    inside = _spoil_packed(data.decode("latin-1"), random)
    spoilt = inside.encode() if inside is not None else spoil_bytes(data, random)
    packed = zlib.compress(spoilt)
    return base64.b64encode(packed if random.random() < 0.8 else packed[:-3]).decode()


def spoil_bytes(data: bytes, random: Random) -> bytes:
    """Flip some bytes, or cut some off."""
    if not data or random.random() < 0.3:
        return data[: random.randrange(len(data) + 1)]
    spoilt = bytearray(data)
    for _ in range(random.randint(1, 4)):
        spoilt[random.randrange(len(spoilt))] = random.randrange(256)
    return bytes(spoilt)


def spoil_tree(tree: Any, random: Random) -> Any:
    """Change one value somewhere in a tree, or take it away."""
    at = random.choice(paths(tree))
    if at and random.random() < 0.25:
        return without(tree, at)
    return changed(tree, at, lambda value: spoil_value(value, random))


# -- whole answers --------------------------------------------------------------------------------


def _tree(answer: Answer, random: Random) -> Answer:
    try:
        tree = json.loads(answer.body)
    except ValueError:
        return answer.with_body(spoil_bytes(answer.body, random))
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        tree = spoil_tree(tree, random)
    return answer.with_body(write(tree))


def _doubled_key(answer: Answer, random: Random) -> Answer:
    if not answer.body.startswith(b"{") or len(answer.body) < 3:
        return _tree(answer, random)
    key = answer.body[1:].partition(b":")[0].strip()
    value = write(hostile(random))
    return answer.with_body(b"{%b: %b, %b" % (key, value, answer.body[1:]))


def _body(answer: Answer, random: Random) -> Answer:
    page = b"<html><head><script>document.title='owned'</script></head><body>Hello</body></html>"
    body = random.choice(
        (
            b"",
            b" \n",
            page,
            b"null",
            b'"text"',
            b"[]",
            b"{}",
            b"7",
            b"[" * 100_000,
            b"\xff\xfe\x00",
            b"\xed\xa0\x80",
            b'{"a": "\xff"}',
            answer.body[: len(answer.body) // 2],
            answer.body * 2,
            answer.body.decode("utf-8", "replace").encode("utf-16"),
            b"\xef\xbb\xbf" + answer.body,
            random.randbytes(50),
            b"%PDF-1.7 \x1b[31m",
        )
    )
    return answer.with_body(body)


def _packed(answer: Answer, random: Random) -> Answer:
    """Content encodings: right, wrong, cut short, in layers, and bombs."""
    packed = gzip.compress(answer.body)
    bomb = gzip.compress(bytes(8 * 2**20), 9)
    body, coding = random.choice(
        (
            (packed, b"gzip"),
            (packed[:-6], b"gzip"),
            (answer.body, b"gzip"),
            (b"", b"gzip"),
            (zlib.compress(answer.body), b"deflate"),
            (bomb, b"gzip"),
            (gzip.compress(bomb), b"gzip, gzip"),
            (packed + b"trailing", b"gzip"),
            (answer.body, b"identity"),
            (answer.body, b"br"),
            (answer.body, b"zstd"),
            (answer.body, b"rot13, \xff"),
        )
    )
    return answer.with_body(body).with_header(b"content-encoding", coding)


def _header(answer: Answer, random: Random) -> Answer:
    name, value = random.choice(
        (
            (b"content-type", b"text/html"),
            (b"content-type", b"application/json; charset=utf-16"),
            (b"content-type", b"\xff\xfe"),
            (b"content-length", b"9" * 5_000),
            (b"content-length", b"-1"),
            (b"content-length", b"1"),
            (b"date", b"Mon, 01 Jan 0001 00:00:00 +9999"),
            (b"date", b"Mon, 01 Jan 9999 00:00:00 GMT"),
            (b"date", b"Thu, 01 Jan 1970 00:00:00 -0000"),
            (b"date", b"\xff" * 50),
            (b"date", b"9" * 5_000),
            (b"date", b" "),
            (b"date", b"Mon, 01 Jan 2026"),
            (b"location", b"http://127.0.0.1:9/"),
            (b"transfer-encoding", b"chunked"),
            (b"x" * 5_000, b"y" * 5_000),
        )
    )
    return answer.with_header(name, value)


RETRY_AFTER = (
    b"0",
    b"-5",
    b"1e999",
    b"nan",
    b"9" * 5_000,
    b"soon",
    b"",
    b"Mon, 01 Jan 0001 00:00:00 +9999",
    b"Fri, 31 Dec 9999 23:59:59 GMT",
    b"Mon, 99 Foo 99999 99:99:99 GMT",
    b"\xff",
    b"\xd9\xa3",
)

#: Statuses that tell a client nothing certain about what became of its request.
UNCERTAIN = (500, 502, 503, 504, 301, 302, 307, 204, 206, 299, 999)

#: And those that do, or that clients believe.
CERTAIN = (400, 401, 402, 403, 404, 405, 409, 410, 412, 413, 418, 422, 423, 425, 429)


def _status(answer: Answer, random: Random, statuses: tuple[int, ...]) -> Answer:
    spoilt = replace(answer, status=random.choice(statuses))
    if random.random() < 0.5:
        spoilt = spoilt.with_header(b"retry-after", random.choice(RETRY_AFTER))
    return spoilt if random.random() < 0.5 else _body(spoilt, random)


def _torn(answer: Answer, random: Random) -> Answer:
    cut = random.randrange(len(answer.body) + 1)
    return replace(answer, body=answer.body[:cut], breaks_off=True)


def echo(answer: Answer, random: Random, secrets: Mapping[str, str]) -> Answer:
    """Say aloud what the request was authorised by, in a refusal or in the middle of a record."""
    text = "; ".join(f"{name}: {value}" for name, value in secrets.items())
    if random.random() < 0.5:
        body: Any = random.choice(
            (
                {"error": {"code": text, "message": text}},
                {"message": [text], "type": text, "status_code": 400},
                {"errors": [{"code": "1", "message": text, "solution": text}], "trace": text},
                {"response": {"errors": [text]}},
                {"errorMessage": text, "errorCode": text},
                {"type": "invalid", "message": text, "details": [{"argument_name": text}]},
            )
        )
        status = random.choice((400, 401, 403, 404, 409, 422, 500, 503))
        return replace(answer, status=status).with_body(json.dumps(body).encode())
    try:
        tree = json.loads(answer.body)
    except ValueError:
        return answer.with_body(answer.body + text.encode())
    return answer.with_body(write(changed(tree, random.choice(paths(tree)), lambda _: text)))


def spoil(
    answer: Answer,
    random: Random,
    *,
    secrets: Mapping[str, str],
    may_lie: bool = True,
) -> Answer:
    """Return the answer spoilt in one way.

    Args:
        answer: As the cloud gave it.
        random: Chooses the way.
        secrets: What the request was authorised by: name -> text, for answers that echo it.
        may_lie: A status may say that something was refused that was not.
    """
    statuses = UNCERTAIN + (CERTAIN if may_lie else ())
    ways: list[tuple[int, Callable[[], Answer]]] = [
        (12, lambda: _tree(answer, random)),
        (1, lambda: _doubled_key(answer, random)),
        (3, lambda: _body(answer, random)),
        (2, lambda: _packed(answer, random)),
        (2, lambda: _header(answer, random)),
        (3, lambda: _status(answer, random, statuses)),
        (1, lambda: _torn(answer, random)),
        (2 if may_lie else 0, lambda: echo(answer, random, secrets)),
    ]
    weights, makers = zip(*ways, strict=True)
    (make,) = random.choices(makers, weights)
    return make()
