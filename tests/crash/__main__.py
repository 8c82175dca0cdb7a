"""Kill qbatch at every boundary and at random, and print what the clouds' ledgers say.

    python -m tests.crash                         # all of it, about a quarter of an hour
    python -m tests.crash --step 7 --kills 50     # a quick look
    python -m tests.crash --cloud oqc --seed 3    # one cloud, other storms
    python -m tests.crash --markdown              # the tables as they stand in the guide
    python -m tests.crash --only-kinds --each 20  # what else goes wrong, 20 times at each cloud
    python -m tests.crash --case storm:3:17       # one case again, with what it said

Bought twice, lost: by the emulated clouds' own books, see `oracle`. Held: qbatch could not prove
what became of a purchase and asked the person. Exit code 1 if anything was bought twice or lost, or
is not as it should be otherwise.
"""

from __future__ import annotations

import argparse
import sys
from itertools import count

from tests.conformance.environments import CannotBuild
from tests.crash.cases import Case, Played, play
from tests.crash.clients import CLIENTS, Told, try_client
from tests.crash.experiments import CLOUDS
from tests.crash.kinds import FAULT_KINDS, play_kind, play_kinds
from tests.crash.storms import play_storm, storm
from tests.crash.sweeps import KINDS, VERBS, sweep
from tests.crash.table import KIND_HEADERS, render, rows_of, rows_of_kinds
from tests.crash.world import World


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--kills", type=int, default=500, metavar="N", help="in storms; 0: none")
    parser.add_argument("--step", type=int, default=1, metavar="N", help="every N-th boundary only")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of storms, second kills")
    parser.add_argument(
        "--each", type=int, default=8, metavar="N", help="cases of a kind and cloud"
    )
    parser.add_argument("--only-kinds", action="store_true", help="what goes wrong beside kills")
    parser.add_argument("--cloud", choices=CLOUDS, help="this one only")
    parser.add_argument("--no-clients", action="store_true", help="leave official clients out")
    parser.add_argument(
        "--places", type=int, default=12, metavar="N", help="cases at once, if they wait"
    )
    parser.add_argument(
        "--case", metavar="NAME", help="play this case alone, and show what it said"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    asked = parser.parse_args()
    if asked.case:
        return play_again(asked.case)
    played = [] if asked.only_kinds else prove(asked)
    told = {} if asked.no_clients or asked.only_kinds else try_clients(asked.cloud)
    of_kinds = prove_kinds(asked)
    if played:
        print(render(rows_of(played, told), markdown=asked.markdown))
    print(render(rows_of_kinds(of_kinds), KIND_HEADERS, markdown=asked.markdown))
    return int(any(not one.is_good for one in (*played, *of_kinds)))


def prove_kinds(asked: argparse.Namespace) -> list[Played]:
    """What else goes wrong, a kind at a time."""
    played: list[Played] = []
    with World(asked.places) as world:
        for kind in FAULT_KINDS:
            numbers = range(asked.each)
            some = play_kinds(
                world, asked.seed, numbers, kinds=[kind], cloud=asked.cloud, tell=tell
            )
            say(kind, some)
            played += some
    return played


def prove(asked: argparse.Namespace) -> list[Played]:
    """Every boundary of every verb, then storms."""
    played: list[Played] = []
    with World(asked.places) as world:
        for cloud in [asked.cloud] if asked.cloud else CLOUDS:
            for verb in VERBS:
                for kind in KINDS:
                    some = sweep(
                        world, verb, cloud, kind, seed=asked.seed, step=asked.step, tell=tell
                    )
                    say(f"{verb} {cloud} {kind}", some)
                    played += some
        if asked.kills:
            some = storm(
                world, asked.seed, count(), kills=asked.kills, cloud=asked.cloud, tell=tell
            )
            say(f"storms, seed {asked.seed}", some)
            played += some
    return played


def tell(played: Played) -> None:
    if not played.is_good:
        print(played.told(), file=sys.stderr, flush=True)


def say(what: str, played: list[Played]) -> None:
    kills, bad = sum(one.kills for one in played), sum(not one.is_good for one in played)
    line = f"{what}: {kills} kills in {len(played)} cases, {bad} not as they should be"
    print(line, file=sys.stderr, flush=True)


def try_clients(cloud: str | None) -> dict[str, Told]:
    told = {}
    for name in CLIENTS:
        if cloud in (None, name):
            try:
                told[name] = try_client(name)
            except CannotBuild as error:
                print(f"NOT RUN: the official client of {name}: {error}", file=sys.stderr)
    return told


def play_again(name: str) -> int:
    kind, *rest = name.split(":")
    with World(2) as world:
        if kind == "storm":
            played = play_storm(world, *map(int, rest))
        elif kind in FAULT_KINDS:
            played = play_kind(world, kind, rest[0], *map(int, rest[1:]))
        else:
            played = play(world, Case.read(name))
    print(played.told())
    print(played.verdict)
    return int(not played.is_good)


if __name__ == "__main__":
    sys.exit(main())
