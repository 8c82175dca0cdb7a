"""Stand-ins for quantum clouds that execute circuits for real.

Served on a loopback port (`serve`, ``python -m qbatch.emulators``) or reached in process through
`Emulation.transport`; on a virtual clock hours of queue pass at once. Nothing here imports the rest
of qbatch.
"""

from qbatch.emulators.clouds import MODULES, Emulation
from qbatch.emulators.drift import Course
from qbatch.emulators.faults import Faults, FaultScriptError, load_faults, read_faults
from qbatch.emulators.jobs import Queueing
from qbatch.emulators.noise import USUAL, Noise
from qbatch.emulators.serving import host, serve

__all__ = [
    "MODULES",
    "USUAL",
    "Course",
    "Emulation",
    "FaultScriptError",
    "Faults",
    "Noise",
    "Queueing",
    "host",
    "load_faults",
    "read_faults",
    "serve",
]
