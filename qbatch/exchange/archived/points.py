"""The points of an archive, read and checked: what ids are made of, and counts that fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qbatch.circuit import Circuit, open_circuit
from qbatch.errors import QbatchError, SelectionError
from qbatch.exchange.archived.contents import POINTS, RESULTS, SETTINGS
from qbatch.exchange.archived.reading import Archive
from qbatch.frozen import dataclass
from qbatch.manifest.models import Circuit as CircuitSpec
from qbatch.plan.identity import canonical_text, id_of
from qbatch.result import Counts


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not what it should be.

    Attributes:
        where: File, and point.
        problem: What is wrong with it.
    """

    where: str
    problem: str


@dataclass(frozen=True, slots=True)
class ArchivedPoint:
    """One measured setting of a point of an archive; mostly its only one.

    Attributes:
        id: As it is written there.
        name: Readable, of the point.
        basis: Of the setting; "" as its circuit is written.
        fields: As in ``results.json``.
        facts: As in ``points.json``.
        setting: As in ``settings.json``.
        circuit: Its program.
        parameters: Free parameter -> value.
    """

    id: str
    name: str
    basis: str
    fields: Mapping[str, Any]
    facts: Mapping[str, Any]
    setting: Mapping[str, Any]
    circuit: Circuit
    parameters: Mapping[str, float]

    @property
    def identity(self) -> dict[str, Any]:
        """What its id is made from, without its shots."""
        return {
            "backend": self.setting["backend"],
            "circuit": self.setting["content"],
            "parameters": dict(self.parameters),
            "repeat": self.facts["repeat"],
            "seed": self.setting["seed"],
        }

    @property
    def has_shots_axis(self) -> bool | None:
        """Whether its shots are part of its id; None where it is neither."""
        try:
            if id_of(self.identity) == self.id:
                return False
            if id_of(self.identity | {"shots": self.fields["shots"]}) == self.id:
                return True
        except ValueError:  # with numbers that are none there is no id
            return None
        return None

    @property
    def counts(self) -> Counts:
        """Of all its shots.

        Raises:
            ValueError: They do not fit the circuit.
        """
        registers = [(one.name, one.num_bits) for one in self.circuit.facts.registers]
        return Counts.from_dict(registers, self.fields["counts"])


def points_of(archive: Archive, findings: list[Finding]) -> Iterator[list[ArchivedPoint]]:
    """Yield the settings of each measured point; points that cannot be read are findings.

    Raises:
        SelectionError: There are no tables to read them from.
    """
    circuits: dict[str, Circuit] = {}
    settings, facts = archive.json(SETTINGS), archive.json(POINTS)
    results = archive.json(RESULTS)
    told = results.get("points") if isinstance(results, dict) else None
    if not all(isinstance(one, dict) for one in (settings, facts)) or not isinstance(told, list):
        raise SelectionError(
            f"{archive.path}: {RESULTS}, {SETTINGS} or {POINTS} is no table; "
            "have the archive written again"
        )
    seen: set[str] = set()
    for number, fields in enumerate(told):
        where = f"{RESULTS}: points[{number}]"
        try:
            parts = [part for part in fields.get("settings") or [fields] if part["counts"]]
            if not parts or seen.issuperset(part["id"] for part in parts):
                continue
            seen.update(part["id"] for part in parts)
            yield [
                _point(archive, {**fields, **part}, facts[part["id"]], settings, circuits)
                for part in parts
            ]
        except QbatchError as error:
            findings.append(Finding(where, str(error)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            findings.append(Finding(where, f"is no point: {type(error).__name__}: {error}"))
    findings += (
        Finding(POINTS, f"{id_[:12]} has no counts in {RESULTS}")
        for id_ in facts.keys() - seen
        if not (isinstance(facts[id_], dict) and facts[id_].get("reference"))
    )


def references_of(archive: Archive, findings: list[Finding]) -> Iterator[ArchivedPoint]:
    """Yield the references of an archive; those that cannot be read are findings."""
    circuits: dict[str, Circuit] = {}
    settings, facts = archive.json(SETTINGS), archive.json(POINTS)
    left = {id_ for id_, own in facts.items() if isinstance(own, dict) and own.get("reference")}
    results = archive.json(RESULTS)
    told = results.get("references") or [] if isinstance(results, dict) else []
    for number, fields in enumerate(told):
        where = f"{RESULTS}: references[{number}]"
        try:
            own = {**fields, "parameters": {}, "estimates": {}}
            yield _point(archive, own, facts[own["id"]], settings, circuits)
            left.discard(own["id"])
        except QbatchError as error:
            findings.append(Finding(where, str(error)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            findings.append(Finding(where, f"is no reference: {type(error).__name__}: {error}"))
    findings += (Finding(POINTS, f"{id_[:12]} has no counts in {RESULTS}") for id_ in sorted(left))


def _point(
    archive: Archive,
    fields: Mapping[str, Any],
    facts: Mapping[str, Any],
    settings: Mapping[str, Any],
    circuits: dict[str, Circuit],
) -> ArchivedPoint:
    key = facts["setting"]
    setting = settings[key]
    if key not in circuits:
        text = canonical_text(archive.text(setting["circuit_file"]))
        spec = CircuitSpec(qasm=text)
        circuits[key] = open_circuit(str(fields["circuit"]), spec, folder=Path()).circuit({})
    circuit = circuits[key]
    if circuit.facts.content != setting["content"]:
        raise SelectionError(
            f"{setting['circuit_file']} is not the circuit that ran; have the archive written again"
        )
    parameters = {name: float(fields["parameters"][name]) for name in circuit.facts.parameters}
    name = str(fields["point"])
    _check_shape(fields, facts, setting)
    basis = str(fields.get("basis", ""))
    return ArchivedPoint(fields["id"], name, basis, fields, facts, setting, circuit, parameters)


def _check_shape(
    fields: Mapping[str, Any], facts: Mapping[str, Any], setting: Mapping[str, Any]
) -> None:
    """See that what is used further on is what it should be.

    Raises:
        TypeError: It is not.
    """
    are_counts = all(
        type(shots) is int and type(start) is int and start >= 0 and shots > 0
        for start, shots in facts["jobs"]
    )
    are_right = (
        are_counts
        and type(facts["repeat"]) is int
        and type(setting["seed"]) is int
        and type(fields["shots"]) is int
        and isinstance(setting["backend"], dict)
        and all(isinstance(one, dict) for one in fields["estimates"].values())
        and all(type(shots) is int and shots >= 0 for shots in fields["counts"].values())
    )
    if not are_right:
        raise TypeError(
            "jobs, repeat, seed, shots, backend, estimates or counts are none; "
            "have the archive written again"
        )
