"""How the times of a backend's noise were understood, and whether they are of one kind.

A lifetime of 50, meant in µs, is one of 50 s, and a circuit shows nothing of it: a person sees
that in what is said here, before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from qbatch.providers.local.noise import NoiseModel

#: Of a lifetime, what the longest gate must take for the decay to be seen: one shot in 10^7. A time
#: in µs that was taken for seconds lies at 10^-8 or below, whatever the machine.
SEEN = 1e-7

_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9), ("ps", 1e-12))

#: Name of a time -> its values, seconds.
Times = Mapping[str, Sequence[float]]


def remarks(models: Sequence[NoiseModel]) -> list[str]:
    """Say how times were understood, and which are too far apart to matter.

    Args:
        models: One backend's noise, in each of its settings.
    """
    found = [(_lifetimes(model), _gate_times(model)) for model in models]
    found = [(lifetimes, gates) for lifetimes, gates in found if lifetimes]
    if not found:
        return []
    told = [_understood([lifetimes for lifetimes, _ in found], [gates for _, gates in found])]
    unseen = (remark for lifetimes, gates in found for remark in _unseen(lifetimes, gates))
    return [*told, *dict.fromkeys(unseen)]


def time_text(time_s: float) -> str:
    """Return a time as a person reads it.

    >>> time_text(50), time_text(3.5e-08), time_text(0.00012), time_text(0)
    ('50 s', '35 ns', '120 µs', '0 s')
    """
    unit, size = next(((u, s) for u, s in _UNITS if time_s >= s * (1 - 1e-9)), _UNITS[-1])
    return f"{time_s / size:g} {unit}" if time_s else "0 s"


def _lifetimes(model: NoiseModel) -> Times:
    relaxation = model.relaxation
    if relaxation is not None:
        return {"t1": [relaxation.t1], "t2": [relaxation.t2]}
    qubits = model.calibration.qubits if model.calibration else ()
    both = {
        "t1": [one.t1 for one in qubits if one.t1 is not None],
        "t2": [one.t2 for one in qubits if one.t2 is not None],
    }
    return {name: times for name, times in both.items() if times}


def _gate_times(model: NoiseModel) -> Times:
    if model.relaxation is not None:
        times = model.relaxation.gate_time
        named = {"one_qubit": times.one_qubit, "two_qubit": times.two_qubit}
        return {name: [time_s] for name, time_s in {**named, "measure": times.measure}.items()}
    if model.calibration is None:
        return {}
    gates = [entry.time for entry in model.calibration.gates]
    return {"gates": gates, "measure": [model.calibration.measure_time]}


def _understood(lifetimes: Sequence[Times], gates: Sequence[Times]) -> str:
    parts = [f"{name} = {_span(name, lifetimes)}" for name in ("t1", "t2") if _all(name, lifetimes)]
    names = [name for name in ("one_qubit", "two_qubit", "gates", "measure") if _all(name, gates)]
    told = [f"{name} = {_span(name, gates)}" for name in names if any(_all(name, gates))]
    return f"{', '.join(parts)}; gate times: {', '.join(told) or 'none'}"


def _all(name: str, times: Sequence[Times]) -> list[float]:
    return [one for each in times for one in each.get(name, ())]


def _span(name: str, times: Sequence[Times]) -> str:
    found = _all(name, times)
    low, high = min(found), max(found)
    return time_text(low) if low == high else f"{time_text(low)} to {time_text(high)}"


def _unseen(lifetimes: Times, gates: Times) -> Iterator[str]:
    acting = [(time_s, gate) for gate, times in gates.items() for time_s in times if time_s > 0]
    if not acting:
        yield (
            "no gate and no measurement takes any time, so only a delay relaxes its qubits; write "
            "gate_time: {one_qubit: 35ns, two_qubit: 300ns, measure: 1us}"
        )
        return
    longest, gate = max(acting)
    for name, times in lifetimes.items():
        if longest < SEEN * min(times):
            yield (
                f"{gate} takes {longest / min(times):.0e} of {name}, so nothing of it is seen; "
                f"times are seconds, or have a unit: {name}: 50us"
            )
