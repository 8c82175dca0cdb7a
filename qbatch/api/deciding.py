"""`decide`: what targets are that may be one of several, for notebooks and plain code."""

from __future__ import annotations

from pathlib import Path

from qbatch.arguments import FLAG, PATH, of_type, takes
from qbatch.executor.deciding import Inquiry, decided_before, wait_decided
from qbatch.manifest import Manifest, override_manifest
from qbatch.plan import read_file
from qbatch.providers import Surroundings
from qbatch.snapshot import run_folder_of


@takes(manifest=PATH | of_type("a qbatch.Manifest", Manifest), trust=FLAG)
def decide(manifest: Manifest | str | Path, *, trust: bool = False) -> Manifest:
    """Return a manifest whose targets are decided: as they were, else by what clouds tell now.

    Clouds are asked what their machines take, cost, and when they are free, as `qbatch plan` asks
    them; nothing is written, sent or bought. `run` of what is returned decides nothing more.

    Args:
        manifest: A manifest or its file.
        trust: Python circuits may run, and credentials go where the manifest says.

    Returns:
        It, with its `decisions`: of each what it is, and the figures that this rests on.

    Raises:
        TypeError: An argument is of another kind.
        SourceErrors: Something cannot be decided, or the manifest is wrong.
        ProviderError: No candidate of a backend could be asked.
    """
    if isinstance(manifest, Manifest):
        read = override_manifest(manifest, trust=trust)
    else:
        read = read_file(manifest, trust=trust)
    if not read.open_questions:
        return read
    around = Surroundings.of_this_process(is_trusted=trust or read.trust)
    folder = run_folder_of(read)
    return wait_decided(decided_before(read, folder), Inquiry(around=around, folder=folder))
