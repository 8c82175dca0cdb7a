"""Measure qbatch beside what people would do without it, and print the ratios.

    python -m tests.benchmarks                 # everything, about ten minutes on two cores
    python -m tests.benchmarks startup plan    # some of it
    python -m tests.benchmarks --markdown      # the table as it stands in the guide

Every row holds two figures taken in the same session on the same machine, alternating where they
are short, and their ratio; nothing here asserts. Quote ratios: figures drift with the machine.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from pathlib import Path

from tabulate import tabulate

sys.path.insert(0, str(Path(__file__).parent))

# What is compiled is kept, as everybody's Python does it; else each worker compiles all it loads.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

GROUPS = (
    "startup",
    "manifest",
    "plan",
    "sweep",
    "simulators",
    "small_jobs",
    "durable",
    "report",
    "http",
    "oqc",
    "counts_array",
    "reader",
    "transport",
    "signing",
    "engines",
    "scaling",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("groups", nargs="*", help=f"of: {', '.join(GROUPS)}; default all")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    arguments = parser.parse_args()
    if unknown := set(arguments.groups) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    print(f"{platform.processor() or platform.machine()}, {_cores()} cores, ", end="")
    print(f"Python {platform.python_version()}, {platform.system()}", flush=True)
    rows = []
    for group in arguments.groups or GROUPS:
        for row in importlib.import_module(f"bench_{group}").measure():
            print(
                f"  {row.what}: {row.ours} | {row.beside}: {row.theirs} | {row.ratio}", flush=True
            )
            rows.append(row)
    print()
    print(
        tabulate(
            [(r.what, r.ours, r.beside, r.theirs, r.ratio, r.wanted) for r in rows],
            headers=("what", "qbatch", "beside it", "figure", "ratio", "goal"),
            tablefmt="pipe" if arguments.markdown else "simple",
            disable_numparse=True,
        )
    )


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    main()
