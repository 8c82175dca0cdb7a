"""A run whose every text wants to be more than text, and its twin of harmless words.

Both are of the same shape, so that pages of them differ in their text and in nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from qbatch.job import Job, JobState
from qbatch.manifest import parse_manifest
from qbatch.manifest.models import Manifest
from qbatch.plan.pricing.limits import Limit, dump_limits
from qbatch.result import Counts, analyse
from qbatch.snapshot import Entry, Held, Purchase
from qbatch.snapshot.times import Times
from tests.report.conftest import FakePoint, FakeRun

#: What reports back, once a browser takes it for more than text; ``N`` is put in by `payloads`.
ACTIVE = (
    "<script>RUN</script>",
    "</script><script>RUN</script>",
    "</title></head><body><script>RUN</script>",
    "</style><script>RUN</script>",
    "--><script>RUN</script><!--",
    "]]><script>RUN</script>",
    "</svg></math><script>RUN</script>",
    "</textarea></xmp></noscript></template><script>RUN</script>",
    "<script src=URL></script>",
    "<img src=x onerror=RUN>",
    '"><img src=x onerror="RUN">',
    "'><img src=x onerror='RUN'>",
    '" onmouseover="RUN" x="',
    "' onmouseover='RUN' x='",
    '" style="background:url(URL)" x="',
    '<svg onload="RUN"><text>x</text></svg>',
    "<svg><image href=URL></image></svg>",
    "<style>p{background:url(URL)}</style>",
    "<link rel=stylesheet href=URL>",
    "<iframe src=URL></iframe>",
    "<object data=URL></object>",
    "<video src=URL autoplay></video>",
    "<details open ontoggle=RUN>x</details>",
    "<input autofocus onfocus=RUN>",
    "<a href=javascript:RUN>x</a>",
    "javascript:RUN",
    "<meta http-equiv=refresh content='0;url=URL'>",
    "<form action=URL><button>x</button></form>",
)

#: What a browser would show wrongly, hide, or work out; and what breaks a table of Markdown.
ODD = (
    "<plaintext>",
    "<!--",
    "<base href=http://127.0.0.1:9/>",
    "{{7*7}} {% raw %} ${7*7} #{7*7} <%= 7*7 %>",
    "&lt;script&gt;document.title=`OWNED`&lt;/script&gt; &#60;img src=x&#62; &amp;amp;",
    "\u202eesrever\u2066\u2067 \u200f\u2028\u2029\u0085\ufeff",
    "\x00\x1b]0;OWNED\x07\x1b[31mred\x7f\x9b",
    "a | b \\| c \\\\| d\n| e | f |\r\n|---|---|\r| g |",
    "~~~\n```\n````",
    "# a\n## b\n- c\n> d\n1. e\n***\n===\n<details>",
    "![x](http://127.0.0.1:9/x.png) [x](javascript:alert(1)) <http://127.0.0.1:9/> [x]: http://x",
    "`code` ``more`` *em* **strong** _em_ ~~gone~~ $x$ $$x$$ \\",
    ' style="fill: red; x: <b>" id="f1-title" url(#x) xlink:href="#y"',
    "w" * 1_000,
    "\U0001f642" * 200,
)


def payloads(origin: str) -> list[str]:
    """Return all of them; number N of `ACTIVE` asks for ``origin/N`` once it has its way."""
    found = []
    for number, text in enumerate(ACTIVE):
        url = f"{origin}/{number}"
        run = f"document.title=`OWNED`;new/**/Image().src=`{url}`;void(0)"
        found.append(text.replace("RUN", run).replace("URL", url))
    return found + list(ODD)


def words(number: int) -> list[str]:
    """Return so many harmless texts, all different."""
    return [f"word{n}" for n in range(number)]


def run_of(texts: Sequence[str], folder: Path) -> FakeRun:
    """Return a run with each of the texts in every place where a text can stand."""
    every = " ".join(texts)
    manifest = manifest_of(texts, folder)
    points = list(_points(texts, manifest))
    run = FakeRun(manifest, points, Path(every), axes=("backend", "mode"))
    one, two = manifest.backends
    limits = (Limit(every, "usd", 10.0), Limit(every, "credits", 9.0, two))
    run.meta = {
        "rehearsal": "{}",
        "versions": json.dumps(dict.fromkeys(texts, every)),
        "limits": dump_limits(limits, {}),
    }
    facts = dict.fromkeys(texts[:8], every) | {"list": list(texts), "object": {"a": every}}
    run.texts = dict.fromkeys(manifest.circuits, "\n".join(texts))
    run.targets = {name: {"name": every, "facts": facts} for name in (one, two)}
    run.took = {two: Times(2, 1000.0, 8300.0, (60.0, 90.0), (3000.0, 7000.0))}
    for name, unit in ((one, "usd"), (two, "usd"), (two, "credits")):
        figures = {"quoted": 1.0, "reserved": 2.0, "quoted_by": every, "billed_by": every}
        run.bought.append(Purchase("0" * 64, every, Entry(0, 1, name, unit, **figures)))
    run.doubtful = [_held(point, texts) for point in points if point.job.state is JobState.HELD]
    return run


MANIFEST = """\
qbatch: 1
name: name
description: {every}
tags: {texts}
circuits:
  one: {{qasm: "OPENQASM 3.0; bit[2] c; qubit[2] q; c = measure q;"}}
  two: {{qasm: "OPENQASM 3.0; bit[2] c; qubit[2] q; c = measure q;"}}
backends:
  one: {{provider: local, noise: {{readout: 0.02}}, options: {{note: {every}}}}}
  two: {{provider: oqc, target: {every}}}
sweep:
  matrix: {{backend: [one, two], mode: {texts}}}
  repeat: 2
analysis:
  observables: {{zz: Z0 Z1}}
  distribution: {{target: {{"00": 0.5, "11": 0.5}}}}
checks:
  - {{that: zz >= 0.8, where: {{mode: {texts}}}}}
  - {{that: zz == 1}}
report:
  plots:
    - {{x: mode, y: zz, color: backend, title: {every}}}
    - {{x: shots, y: zz, color: mode, facet: circuit, title: {every}}}
    - {{type: heatmap, x: mode, y: backend, z: zz}}
    - {{type: histogram, color: mode, title: {every}}}
"""


def manifest_of(texts: Sequence[str], folder: Path) -> Manifest:
    """Return a manifest that says the texts wherever it may, and in names where it may not."""
    lists = json.dumps(list(texts), ensure_ascii=False).replace("\x7f", "\\u007f")
    every = json.dumps(" ".join(texts), ensure_ascii=False).replace("\x7f", "\\u007f")
    for sign in "\x85\u2028\u2029\ufeff\x9b":
        code = f"\\u{ord(sign):04x}"
        lists, every = lists.replace(sign, code), every.replace(sign, code)
    text = MANIFEST.format(texts=lists, every=every)
    manifest = parse_manifest(text, file="hostile.yaml", folder=folder)
    circuits = dict(zip(texts, manifest.circuits.values(), strict=False))
    backends = dict(zip(texts[2:], manifest.backends.values(), strict=False))
    changes = {"name": " ".join(texts), "circuits": circuits, "backends": backends}
    return manifest.model_copy(update=changes)


def _points(texts: Sequence[str], manifest: Manifest) -> Iterator[FakePoint]:
    """A point per text, backend and repeat; some failed, some held, the rest completed."""
    circuits = list(manifest.circuits)
    for number, text in enumerate(texts):
        for backend in manifest.backends:
            for repeat in (1, 2):
                name = f"{text}#{backend}#{repeat}"
                mode = {"mode": text}
                point = FakePoint(name, backend, 100, repeat, circuits[number % 2], mode)
                state = (JobState.FAILED, JobState.HELD, JobState.CANCELLED, JobState.RUNNING)
                if repeat == 2 and number % 2:
                    told = {"status": text, "error": text, "provider_job_id": text}
                    point.job = Job(point.id, state[number // 2 % 4], **told)
                else:
                    zeros = 40 + number % 9
                    counts = {"00": zeros, "11": 98 - zeros, "01": 2}
                    point.counts = Counts.from_dict((("c", 2),), counts)
                    point.estimates = analyse(point.counts, manifest.analysis)
                    point.job = Job(point.id, JobState.COMPLETED, cost=0.5, unit="usd")
                yield point


def _held(point: FakePoint, texts: Sequence[str]) -> Held:
    every = " ".join(texts)
    return Held(
        id=point.id,
        point=point.name,
        shots=every,
        backend=point.backend,
        provider=every,
        target=every,
        sent_at=datetime(2026, 11, 1, 12, tzinfo=UTC),
        provider_job_id=every,
        key=every,
        known_as={f"{text[:50]} {n}": f"{n} {text[:50]}" for n, text in enumerate(texts)},
        why=every,
    )
