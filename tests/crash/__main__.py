"""Kill qbatch at every boundary and at random, and print what the clouds' ledgers say.

    python -m tests.crash                         # all of it, about a quarter of an hour
    python -m tests.crash --step 7 --kills 50     # a quick look
    python -m tests.crash --cloud oqc --seed 3    # one cloud, other storms
    python -m tests.crash --markdown              # the table as it stands in the README
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
from tests.crash.storms import play_storm, storm
from tests.crash.sweeps import KINDS, VERBS, sweep
from tests.crash.table import render, rows_of
from tests.crash.world import World


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--kills", type=int, default=500, metavar="N", help="in storms; 0: none")
    parser.add_argument("--step", type=int, default=1, metavar="N", help="every N-th boundary only")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of storms, second kills")
    parser.add_argument("--cloud", choices=CLOUDS, help="this one only")
    parser.add_argument("--no-clients", action="store_true", help="leave official clients out")
    parser.add_argument("--places", type=int, default=6, metavar="N", help="cases at once")
    parser.add_argument(
        "--case", metavar="NAME", help="play this case alone, and show what it said"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    asked = parser.parse_args()
    if asked.case:
        return play_again(asked.case)
    played = prove(asked)
    told = {} if asked.no_clients else try_clients(asked.cloud)
    print(render(rows_of(played, told), markdown=asked.markdown))
    return int(any(not one.is_good for one in played))


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
    with World(1) as world:
        if kind == "storm":
            played = play_storm(world, *map(int, rest))
        else:
            played = play(world, Case.read(name))
    print(played.told())
    print(played.verdict)
    return int(not played.is_good)


if __name__ == "__main__":
    sys.exit(main())
