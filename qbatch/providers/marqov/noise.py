"""``options.noise_model``, checked before anything is sent.

What the platform takes inside is told nowhere; this is the vocabulary in which the vendor's own
simulator records noise: channels ``{channel, <parameters>, qubits}``, in a list or under
``channels``, and beside them ``t1``, ``t2`` and ``gate_time``, seconds. What the platform takes
beyond that travels unread as ``options.params.noise_model``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from qbatch.notation import is_finite

#: Channel -> its parameters, each from 0 to 1.
CHANNELS: Mapping[str, Sequence[str]] = {
    "Depolarizing": ("probability",),
    "AmplitudeDamping": ("gamma",),
    "PhaseDamping": ("gamma",),
    "ReadoutError": ("p0_given1", "p1_given0"),
}
TIMES = ("t1", "t2", "gate_time")

#: Backends that the platform's page, or its catalogue's words, say to have noise; and final states.
NOISY = ("qb-sim-noisy-aer", "qb-sim-density-matrix")
STATES = ("qb-sim-statevector", "qb-sim-gpu-statevector")

_BEYOND = "what the platform takes beyond that goes into params.noise_model, unread"


def check_noise(model: Any) -> None:
    """See that a noise model is written in the vendor's vocabulary.

    Raises:
        ValueError: It is not; the message says where.
    """
    if isinstance(model, Mapping):
        times = {key: value for key, value in model.items() if key != "channels"}
        if times:
            _check_times(times)
        elif not model:
            raise ValueError(f"is empty; write channels, or t1, t2 and gate_time; {_BEYOND}")
        model = model.get("channels", [])
    for number, channel in enumerate(_listed(model), 1):
        _check_channel(channel, f"channel {number}")


def _listed(model: Any) -> Sequence[Any]:
    is_list = isinstance(model, Sequence) and not isinstance(model, str)
    if not is_list:
        raise ValueError(f"{model!r:.60} is no list of channels, and no map; {_BEYOND}")
    found: Sequence[Any] = model
    return found


def _check_times(times: Mapping[str, Any]) -> None:
    unknown = [key for key in times if key not in TIMES]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of channels, {', '.join(TIMES)}; {_BEYOND}")
    missing = [key for key in TIMES if key not in times]
    if missing:
        raise ValueError(f"{missing[0]} is missing; t1, t2 and gate_time belong together")
    for key, value in times.items():
        if not is_finite(value) or not value > 0:
            raise ValueError(f"{key}: {value!r} is no time; write seconds, more than 0")
    if times["t2"] > 2 * times["t1"]:
        raise ValueError(
            f"t2: {times['t2']!r} is more than twice t1, which cannot be; write 2·t1 or less"
        )


def _check_channel(channel: Any, where: str) -> None:
    if not isinstance(channel, Mapping) or channel.get("channel") not in CHANNELS:
        name = channel.get("channel") if isinstance(channel, Mapping) else channel
        near = get_close_matches(str(name), CHANNELS, 1)
        meant = f"; did you mean {near[0]!r}?" if near else f"; {_BEYOND}"
        raise ValueError(f"{where}: {name!r} is none of {', '.join(CHANNELS)}{meant}")
    known = CHANNELS[channel["channel"]]
    for key in channel:
        if key not in ("channel", "qubits", *known):
            raise ValueError(f"{where}: {channel['channel']} has no {key!r}; {_BEYOND}")
    for key in known:
        value: Any = channel.get(key)
        if not is_finite(value) or not 0 <= value <= 1:
            raise ValueError(f"{where}: {key}: {value!r} is no number from 0 to 1; write one")
    qubits = channel.get("qubits", [0])
    is_list = isinstance(qubits, Sequence) and not isinstance(qubits, str) and len(qubits) > 0
    if not is_list or not all(type(one) is int and one >= 0 for one in qubits):
        raise ValueError(f"{where}: qubits: {qubits!r} is no list of qubits' numbers; write [0, 1]")
