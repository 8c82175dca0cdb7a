"""The bit-order self-test: an asymmetric state on each target, read as qbatch reads everything.

Three bits in two registers, each 1 with a probability of its own, so that every order they could
come back in shows. It runs as any manifest does, so a paid job of it is never bought twice either.
Verdicts are kept per service and target in ``bits.json`` of the user's state folder
(``QBATCH_STATE_DIR``), where `backends` finds them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qbatch.drafts import draft_beside
from qbatch.state import state_folder

if TYPE_CHECKING:
    from qbatch.cli.clouds import Account
    from qbatch.manifest import Manifest
    from qbatch.providers import Target
    from qbatch.result import Counts

Verdict = Literal["ok", "reversed", "registers swapped", "unclear"]

SHOTS = 400

#: Probability of 1 of a[0], a[1], b[0]; no order of them is near another, nor is 0 for 1.
EXPECTED = (0.9, 0.6, 0.2)

#: A probability may be this far off for noise and chance; two of `EXPECTED` are 0.3 apart or more.
TOLERANCE = 0.14

CIRCUIT = """\
OPENQASM 2.0;
include "qelib1.inc";
qreg q[3];
creg a[2];
creg b[1];
ry(2.498091544796509) q[0];
ry(1.7721542475852274) q[1];
ry(0.9272952180016122) q[2];
measure q[0] -> a[0];
measure q[1] -> a[1];
measure q[2] -> b[0];
"""


def bits_manifest(manifest: Manifest, shots: int = SHOTS) -> Manifest:
    """The self-test of a manifest's clouds, as a manifest of its own: one point per target."""
    from qbatch.manifest import parse_manifest
    from qbatch.providers import is_local

    dumped = {
        name: backend.model_dump(mode="json", by_alias=True, exclude_unset=True)
        for name, backend in manifest.backends.items()
        if not is_local(backend.provider)
    }
    text = {
        "qbatch": 1,
        "name": f"{manifest.name}-bits",
        "circuits": {"asymmetric": {"qasm": CIRCUIT}},
        "backends": dumped,
        "shots": shots,
    }
    return parse_manifest(
        json.dumps(text, ensure_ascii=False), file="<bit-order test>", folder=manifest.folder
    )


def judge(counts: Counts) -> Verdict:
    """Say in which order the bits came back.

    Args:
        counts: Of `CIRCUIT`, registers a (2 bits) and b (1 bit).
    """
    found = _frequencies(counts.to_dict())
    fitting = [
        order
        for order in permutations(range(3))
        if all(abs(found[i] - EXPECTED[j]) <= TOLERANCE for i, j in enumerate(order))
    ]
    if len(fitting) != 1:
        return "unclear"
    return _WORDS.get(fitting[0], "unclear")


#: Which expected bit stands at a[0], a[1], b[0] -> the verdict.
_WORDS: Mapping[tuple[int, ...], Verdict] = {
    (0, 1, 2): "ok",
    (2, 1, 0): "reversed",  # all three
    (1, 0, 2): "reversed",  # within each register
    (2, 0, 1): "registers swapped",
    (1, 2, 0): "registers swapped",
}


def _frequencies(counts: Mapping[str, int]) -> tuple[float, float, float]:
    """How often a[0], a[1], b[0] were 1."""
    total = sum(counts.values()) or 1
    ones = [0, 0, 0]
    for text, number in counts.items():
        for place, bit in enumerate(reversed(text.replace(" ", ""))):
            ones[place] += number * (bit == "1")
    return (ones[0] / total, ones[1] / total, ones[2] / total)


# -- verdicts kept ------------------------------------------------------------------------------


def services_of(driver: Any) -> str:
    """The service a driver speaks to, so that an emulator's verdict is not taken for a cloud's."""
    asked = getattr(driver, "base_urls", None)
    urls: Sequence[str] = () if asked is None else asked()
    return " ".join(urls)


def keep_verdicts(provider: str, service: str, verdicts: Mapping[str, Verdict]) -> Path:
    """Keep verdicts by target; return the file."""
    path = state_folder() / "bits.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = _read()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for target, verdict in verdicts.items():
        kept[_key(provider, service, target)] = {"verdict": verdict, "at": now}
    draft = draft_beside(path)
    try:
        draft.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def kept_verdict(account: Account, target: Target) -> str | None:
    """The verdict kept for a target, or None."""
    found = _read().get(_key(account.provider, services_of(account.driver), target.name))
    return str(found["verdict"]) if isinstance(found, dict) and "verdict" in found else None


def _key(provider: str, service: str, target: str) -> str:
    return f"{provider} {target} {service}".strip()


def _read() -> dict[str, Any]:
    try:
        found = json.loads((state_folder() / "bits.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def targets_of(verdicts: Iterable[tuple[str, Verdict]]) -> dict[str, Verdict]:
    """Target -> verdict; the worst where a target was tested more than once."""
    order: Sequence[Verdict] = ("ok", "unclear", "registers swapped", "reversed")
    worst: dict[str, Verdict] = {}
    for target, verdict in verdicts:
        known = worst.get(target, "ok")
        worst[target] = max(known, verdict, key=order.index)
    return worst
