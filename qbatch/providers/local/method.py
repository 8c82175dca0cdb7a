"""Which method simulates a circuit, what memory and about what time it takes: arithmetic only.

Rules: the choice follows from the circuit and the backend's settings alone, never from the machine,
what is installed, the number of shots or what else runs, so that results are the same everywhere.

``method: automatic`` chooses

- for circuits that end in their measurements and whose gates are noiseless: ``stabilizer`` for
  Clifford circuits (by names and angles as written) on more than 12 qubits, otherwise
  ``statevector``;
- with noise after gates: ``density_matrix`` (exact) up to 9 qubits, above it ``stabilizer`` where
  circuit and noise are Clifford, otherwise ``statevector`` (one random course a shot);
- for circuits that act on what they measured: ``stabilizer`` where circuit and noise are Clifford
  and qubits are more than 12, otherwise ``statevector``.

Which library computes is a rule as well (`choose_library`): with ``method: automatic`` and double
precision on the CPU, numpy (`fused`) computes the probabilities of state vectors up to 16 qubits
and of density matrices, and the outcomes of noiseless Clifford circuits above 12 qubits
(`stabilizers`); a method that is named is Aer's (or stim's), and so is all else.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from qbatch.circuit import CircuitFacts
from qbatch.providers.local.settings import Settings

#: Of the rules below, as a lock pins it; raise it whenever a circuit's method or library changes.
RULE = "3: numpy also for wide Clifford"

#: Up to here the exact density matrix is quicker than 1,024 random courses.
DENSITY_MATRIX_QUBITS = 9

#: From here on the tableau is quicker than amplitudes by far.
STABILIZER_QUBITS = 12

#: Measured qubits up to which all outcomes' probabilities are computed and sampled by us.
EXACT_QUBITS = 24

#: Qubits up to which numpy computes state vectors, where probabilities are computed.
FUSED_QUBITS = 16

#: Bytes that numpy keeps of one circuit's stages (`fused.stages`) at most, and what one entry of
#: a state takes there at most (its place and its factor), by a site's values.
STAGES_BYTES = 128 << 20
ENTRY_BYTES = {2: 24, 4: 16}

#: Rows of a Clifford circuit's outcomes that numpy draws at once, at most.
DRAWN_ROWS = 1 << 20

#: Of stim's samples those whose bits are put in their places at once.
PLACED_ROWS = 1 << 12

#: Gates that Aer's tableau takes as they are.
CLIFFORD_GATES = frozenset(
    ("cx", "CX", "cy", "cz", "h", "id", "s", "sdg", "swap", "sx", "sxdg", "x", "y", "z")
)


def choose_method(facts: CircuitFacts, settings: Settings) -> str:
    """Return the method for a circuit: the one asked for, or the automatic choice."""
    asked = settings.options.method
    if asked != "automatic":
        return asked
    noise = settings.noise
    noisy = noise is not None and noise.acts_on_gates
    if noisy and not facts.is_dynamic and facts.num_qubits <= DENSITY_MATRIX_QUBITS:
        return "density_matrix"
    if settings.options.statevector or settings.options.device == "GPU":
        return "statevector"
    plain = settings.transpile is None and settings.options.precision == "double"
    if not (facts.is_clifford and plain and facts.num_qubits > STABILIZER_QUBITS):
        return "statevector"
    if not noisy and not facts.is_dynamic:
        return "stabilizer"
    known = CLIFFORD_GATES.issuperset(facts.gates) and (noise is None or noise.is_clifford)
    return "stabilizer" if known else "statevector"


def choose_library(facts: CircuitFacts, settings: Settings) -> str:
    """Return the library that computes a circuit: "numpy", "stim" or "aer".

    Args:
        facts: Of the circuit.
        settings: With the method chosen.
    """
    options = settings.options
    if settings.method == "stim":
        return "stim"
    if options.method != "automatic" or options.precision != "double" or options.device != "CPU":
        return "aer"
    if settings.method == "stabilizer":
        noisy = settings.noise is not None and settings.noise.acts_on_gates
        return "aer" if noisy or facts.is_dynamic else "numpy"
    if options.statevector or not is_exact(facts, settings):
        return "aer"
    small = settings.method == "density_matrix" or facts.num_qubits <= FUSED_QUBITS
    return "numpy" if small else "aer"


def settled(facts: CircuitFacts, settings: Settings) -> Settings:
    """Return the settings with method and library chosen for a circuit."""
    chosen = replace(settings, method=choose_method(facts, settings))
    return replace(chosen, library=choose_library(facts, chosen))


def is_exact(facts: CircuitFacts, settings: Settings) -> bool:
    """Whether probabilities are computed, so that one evolution serves all shots.

    Args:
        facts: Of the circuit.
        settings: With the method chosen.
    """
    noisy = settings.noise is not None and settings.noise.acts_on_gates
    if facts.is_dynamic or num_measured(facts) > EXACT_QUBITS:
        return False
    return settings.method == "density_matrix" or (settings.method == "statevector" and not noisy)


def num_measured(facts: CircuitFacts) -> int:
    """How many qubits' final measurements end in a classical bit."""
    return len({qubit for qubit in facts.terminal if qubit is not None})


def memory_bytes(facts: CircuitFacts, settings: Settings, shots: int = 0) -> int | None:
    """Bytes one simulation takes at most, beside its process; None: not known beforehand.

    Amplitudes take 16 bytes (8 in single precision), a density matrix has 4**n of them;
    probabilities stand there three times while they are sampled; numpy keeps what its stages do to
    a state's entries, and the rows it draws of a Clifford circuit; stim's samples stand there
    whole, one row a shot.

    Args:
        facts: Of the circuit.
        settings: With method and library chosen.
        shots: Of one job.
    """
    amplitude = 8 if settings.options.precision == "single" else 16
    num_qubits = facts.num_qubits
    if settings.method == "statevector":
        state = amplitude << num_qubits
    elif settings.method == "density_matrix":
        state = amplitude << (2 * num_qubits)
    elif settings.method in ("stabilizer", "stim"):
        state = num_qubits * num_qubits
    else:
        return None
    probabilities = 24 << num_measured(facts) if is_exact(facts, settings) else 0
    kept = 2 * state if settings.options.statevector else 0
    by_numpy = 0
    if settings.library == "numpy":
        drawn = settings.method == "stabilizer"
        misreads = settings.noise is not None and settings.noise.misreads
        by_numpy = (
            _rows_bytes(facts, shots, misreads=misreads)
            if drawn
            else _stages_bytes(facts, settings)
        )
    by_stim = _samples_bytes(facts, shots) if settings.method == "stim" else 0
    return state + probabilities + kept + by_numpy + by_stim


def _samples_bytes(facts: CircuitFacts, shots: int) -> int:
    """Bytes that stim's samples take while they are counted (`clifford.sample`).

    A row stands there twice, the words that it is sorted by three times, beside what orders and
    counts; before that as stim has it, a bit for each measurement.
    """
    num_bytes, records = (facts.num_bits + 7) // 8, (facts.num_qubits + 7) // 8
    row = max(2 * num_bytes + 24 * -(-num_bytes // 8) + 33, records + num_bytes)
    return shots * row + min(shots, PLACED_ROWS) * (8 * records + facts.num_bits)


def _rows_bytes(facts: CircuitFacts, shots: int, *, misreads: bool) -> int:
    """Bytes that rows take while they are drawn (`stabilizers.draws`).

    Of one that is kept from several blocks, its bytes and those of the words it is sorted by stand
    there twice, beside six numbers that count and order it; so they do once more in the block that
    is drawn, with two numbers and with those that chance gave. Where places of up to 64 bits are
    counted first, only as many rows are made as outcomes may differ, each with three numbers, and
    of each number of the block there are five as it is sorted, or four as it is counted.

    Args:
        facts: Of the circuit.
        shots: Of one job.
        misreads: Bits may be read wrongly, so that any outcome may come.
    """
    num_bytes = (facts.num_bits + 7) // 8
    row = 2 * (num_bytes + 8 * -(-num_bytes // 8))
    measured, block = num_measured(facts), min(shots, DRAWN_ROWS)
    free = 8 * num_bytes if misreads else min(measured, facts.free_bits)
    kept = min(shots, 3 << min(free, 62)) * (row + 48)
    if misreads or free > 64:
        numbers = min(shots * (1 + measured), DRAWN_ROWS)
        return kept + block * (row + 16) + numbers * 8
    if shots <= block:  # nothing is kept of other blocks
        kept = 0
    distinct = min(block, 1 << min(free, 62))
    return kept + distinct * (2 * num_bytes + 24) + block * (40 if distinct == block else 32)


def _stages_bytes(facts: CircuitFacts, settings: Settings) -> int:
    """Bytes that numpy keeps of a circuit's stages at most, and those of one that it makes.

    A gate, its depolarizing and its relaxation begin a stage each at most, as do three gates that
    one is replaced by; a gate of the person's own counts as one.
    """
    values = 4 if settings.method == "density_matrix" else 2
    one: int = ENTRY_BYTES[values] * values**facts.num_qubits
    stages = 3 * facts.depth + 1
    return min(STAGES_BYTES, stages * one) + 2 * one


def result_bytes(facts: CircuitFacts, settings: Settings, shots: int) -> int:
    """Bytes of one result on its way from the worker, at most."""
    outcomes = min(shots, 1 << min(num_measured(facts), 62)) if not facts.is_dynamic else shots
    state = 16 << facts.num_qubits if settings.options.statevector else 0
    return outcomes * (8 + (facts.num_bits + 7) // 8) + state


def evolution_s(facts: CircuitFacts, settings: Settings, shots: int) -> float:
    """About how long one core takes, seconds: within a factor of three on a machine of 2024.

    Samples of Clifford circuits take up to so long; fewer outcomes, as of a GHZ state, take less.

    Args:
        facts: Of the circuit.
        settings: With the method chosen.
        shots: Asked for; free where the method is exact.
    """
    gates = facts.num_gates + 1
    amplitudes = 2.0 ** min(facts.num_qubits, 200)
    if settings.library == "numpy":
        if settings.method == "stabilizer":
            misread = 7e-8 if settings.noise is not None and settings.noise.misreads else 0.0
            measured = num_measured(facts)
            return 1e-4 + shots * (5e-8 + (1e-8 + misread + 1.5e-11 * measured) * measured)
        if settings.method == "density_matrix":
            return 1e-4 + gates * (2.5e-6 + 2e-9 * amplitudes**2)
        return 8e-5 + gates * (2e-7 + 1e-9 * amplitudes)
    if is_exact(facts, settings):
        if settings.method == "density_matrix":
            return 5e-4 + gates * (1e-5 + 1.9e-8 * amplitudes**2)
        return 2e-4 + gates * (1.2e-6 + 1.5e-9 * amplitudes)
    if settings.method in ("stabilizer", "stim"):
        per_shot = 1e-6 + 1.5e-8 * facts.num_qubits**2
        return 1e-3 + 2e-6 * gates + shots * (1e-8 if settings.method == "stim" else per_shot)
    noisy = settings.noise is not None and settings.noise.acts_on_gates
    if facts.is_dynamic or noisy:
        # Each course draws its one outcome from all amplitudes, which takes longer than its gates.
        drawing = 0.0 if facts.is_dynamic else 1.6e-7 * amplitudes
        return 1e-3 + shots * (5e-5 + drawing + gates * (2.5e-6 + 2e-9 * amplitudes))
    return 1e-3 + gates * (1.2e-6 + 1.5e-9 * amplitudes) + shots * 1e-6


def machine_bytes() -> int:
    """Memory of this machine, or of the control group this process is confined to."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(limit).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


def num_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def readable_bytes(count: int) -> str:
    """Write a number of bytes for people, decimal units.

    >>> readable_bytes(68_719_476_736), readable_bytes(2**127)
    ('68.7 GB', '1.7e+29 GB')
    """
    gigabytes = count / 1e9
    if gigabytes >= 1e6:
        return f"{gigabytes:.1e} GB"
    return f"{gigabytes:.1f} GB" if gigabytes >= 0.1 else f"{count / 1e6:.1f} MB"
