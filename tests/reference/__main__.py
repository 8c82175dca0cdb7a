"""``python -m tests.reference --seed S --programs N``: random programs against the reference."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from comparing import SHOTS, Summary, compare
from generator import generate
from subjects import SUBJECTS


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reference", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--programs", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="number of the first program")
    parser.add_argument(
        "--methods", nargs="*", default=[], choices=[*SUBJECTS, []], metavar="NAME",
        help=f"what to compare, instead of some in turn: {', '.join(SUBJECTS)}",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="compare everything each time")
    parser.add_argument("--shots", type=int, default=SHOTS)
    parser.add_argument("--most", type=int, default=20, help="disagreements shrunk at most")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="qbatch-reference-") as folder:
        os.environ["QBATCH_CACHE_DIR"] = folder  # nothing known from earlier runs counts
        return _compared(asked)


def _compared(asked: argparse.Namespace) -> int:
    began = time.monotonic()
    numbers = range(asked.first, asked.first + asked.programs)
    summary = compare(
        ((number, generate(asked.seed, number)) for number in numbers),
        asked.seed,
        names=asked.methods,
        all_of_them=asked.all,
        shots=asked.shots,
        most=asked.most,
        told=lambda found: print(f"\n{found}", flush=True),
        shrink_s=20.0,
    )
    print(told(summary, time.monotonic() - began))
    return 1 if summary.disagreements else 0


def told(summary: Summary, seconds: float) -> str:
    """Write a summary for people."""
    lines = [f"programs      {summary.programs} in {seconds:.0f} s"]
    lines += [f"              {n:5} {kind}" for kind, n in sorted(summary.kinds.items())]
    total = sum(summary.compared.values())
    lines.append(f"comparisons   {total}, {summary.exact} of them exact to 1e-9")
    lines += [f"              {n:5} {name}" for name, n in sorted(summary.compared.items())]
    lines.append(f"not taken     {sum(summary.unable.values())}")
    lines += [
        f"              {n:5} {name}: {why}" for (name, why), n in summary.unable.most_common()
    ]
    lines.append(f"disagreements {len(summary.disagreements)}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
