"""``python -m qbatch.emulators oqc open-quantum --port N --env-file F``."""

from __future__ import annotations

import argparse
import sys

from qbatch.emulators import MODULES, USUAL, FaultScriptError, serve


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m qbatch.emulators", description=__doc__)
    parser.add_argument("providers", nargs="+", choices=[*MODULES, "all"], metavar="PROVIDER")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--env-file", help="gets NAME=VALUE lines: URLs, dummy credentials")
    parser.add_argument("--queue-s", type=float, default=3.0, help="seconds a job waits")
    parser.add_argument("--faults", help="a fault script, YAML or JSON")
    parser.add_argument("--seed", type=int, help="makes ids repeatable")
    parser.add_argument("--noise", action="store_true", help="machines are noisy")
    asked = parser.parse_args()
    try:
        serve(
            asked.providers,
            asked.port,
            asked.env_file,
            asked.faults,
            asked.queue_s,
            seed=asked.seed,
            noise=USUAL if asked.noise else None,
        )
    except (FaultScriptError, OSError) as error:
        print(f"emulate: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
