"""``qbatch emulate``: stand-ins of quantum clouds on a loopback port, to try everything on."""

from __future__ import annotations

from pathlib import Path

import click

from qbatch.cli.amounts import Number
from qbatch.cli.completing import complete_emulated


@click.command()
@click.argument(
    "providers",
    nargs=-1,
    required=True,
    metavar="PROVIDER…|all",
    shell_complete=complete_emulated,
)
@click.option(
    "--port",
    metavar="N",
    type=Number(0, 65535, is_whole=True),
    default=0,
    help="On 127.0.0.1; left out, a free one is taken.",
)
@click.option(
    "--queue-s",
    metavar="S",
    type=Number(0),
    default=3.0,
    show_default=True,
    help="Seconds a job waits before it runs.",
)
@click.option(
    "--faults",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A fault script, YAML or JSON: what goes wrong, when, and how.",
)
@click.option(
    "--env-file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Gets the NAME=VALUE lines a run needs: URLs and dummy credentials.",
)
@click.option("--seed", type=Number(0, is_whole=True), metavar="N", help="Makes ids repeatable.")
@click.option(
    "--noise",
    is_flag=True,
    help="Their machines are noisy: 0.001 and 0.01 depolarize after gates, 0.02 of bits flip.",
)
def emulate(
    providers: tuple[str, ...],
    port: int,
    queue_s: float,
    faults: Path | None,
    env_file: Path | None,
    seed: int | None,
    noise: bool,
) -> None:
    """Serve emulated clouds on 127.0.0.1 until Ctrl-C; circuits are executed for real.

    \b
    qbatch emulate all --port 8123 --env-file clouds.env &
    set -a; . ./clouds.env; set +a
    qbatch backends
    """  # noqa: D301  (\b is click's word for "keep these lines")
    from qbatch.emulators import MODULES, USUAL, FaultScriptError, serve

    for name in providers:
        if name != "all" and name not in MODULES:
            raise click.UsageError(f"there is no emulator of {name!r}{_one_of(name, [*MODULES])}")
    try:
        noise_model = USUAL if noise else None
        serve(providers, port, env_file, faults, queue_s, seed=seed, noise=noise_model)
    except FaultScriptError as error:
        raise click.UsageError(str(error)) from error
    except (OSError, ExceptionGroup) as error:
        blocked = _blocked(error)
        if blocked is None:
            raise
        raise click.UsageError(_unservable(blocked, port, env_file)) from error


def _blocked(error: BaseException) -> OSError | None:
    """What the operating system refused, also where a nursery wrapped it."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, OSError) else None


def _unservable(error: OSError, port: int, env_file: Path | None) -> str:
    if error.filename is not None:
        return f"cannot write {env_file}: {error.strerror}; name another --env-file"
    return f"cannot serve on 127.0.0.1:{port}: {error.strerror or error}; choose another --port"


def _one_of(name: str, known: list[str]) -> str:
    from qbatch.notation import did_you_mean

    return did_you_mean(name, known) or f"; there are: {', '.join(known)}, all"
