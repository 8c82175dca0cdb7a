"""Whether an archive is what it says: digests, ids and numbers, each computed anew.

A digest that does not match says that a file was changed after it was written. An id that does not
says that circuit, backend or parameters are not those that ran. A number that does not says that
counts and numbers do not belong together. Only the archive's own digest, kept elsewhere, proves
that all of it was not made up together; and simulated points, run again, that theirs were not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from qbatch.archive.contents import (
    ENVIRONMENT,
    MANIFEST,
    METADATA,
    POINTS,
    RESULTS,
    SETTINGS,
    SUMS,
    archive_digest,
)
from qbatch.archive.reading import Archive, read_archive
from qbatch.circuit import Circuit, open_circuit
from qbatch.errors import QbatchError, SelectionError
from qbatch.manifest import Manifest, parse_manifest
from qbatch.manifest.models import Circuit as CircuitSpec
from qbatch.plan.identity import canonical_text, id_of
from qbatch.result import Counts, Estimate, analyse, analyse_settings

#: Numbers may differ in their last digits between machines.
_RELATIVE = 1e-9


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not what it should be.

    Attributes:
        where: File, and point.
        problem: What is wrong with it.
    """

    where: str
    problem: str


@dataclass
class Verified:
    """What was found.

    Attributes:
        archive: As it was read.
        digest: Of the archive.
        findings: All that is wrong; empty where everything holds.
        files: Whose digests were computed.
        ids: Points whose ids were made anew.
        numbers: That were computed anew from counts.
        not_computed: Numbers that cannot be, by name.
    """

    archive: Archive
    digest: str
    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    ids: int = 0
    numbers: int = 0
    not_computed: dict[str, str] = field(default_factory=dict)


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
        if id_of(self.identity) == self.id:
            return False
        if id_of(self.identity | {"shots": self.fields["shots"]}) == self.id:
            return True
        return None

    @property
    def counts(self) -> Counts:
        """Of all its shots.

        Raises:
            ValueError: They do not fit the circuit.
        """
        registers = [(one.name, one.num_bits) for one in self.circuit.facts.registers]
        return Counts.from_dict(registers, self.fields["counts"])


def verify(path: Path) -> Verified:
    """Check an archive; nothing in it is run.

    Raises:
        SelectionError: It is no archive.
    """
    archive = read_archive(path)
    found = Verified(archive, archive_digest(archive.digests))
    found.findings += _check_files(found)
    found.not_computed |= _across_points(archive.json(RESULTS))
    manifest = _manifest_of(archive, found.findings)
    if manifest is None:
        return found
    for point in points_of(archive, found.findings):
        found.ids += 1
        for setting in point:
            if setting.has_shots_axis is None:
                said = "its id is not that of its circuit, backend and parameters"
                found.findings.append(Finding(f"{RESULTS}: {setting.name}", said))
        found.findings += _check_numbers(found, point, manifest)
    return found


def _across_points(results: Any) -> dict[str, str]:
    """Name the numbers that are made of several points."""
    tables = results if isinstance(results, dict) else {}
    rows = [row for key in ("across", "fits") for row in tables.get(key) or []]
    names = [row.get("name") for row in rows if isinstance(row, dict)]
    return {str(name): "is made of several points" for name in names if name}


def _manifest_of(archive: Archive, findings: list[Finding]) -> Manifest | None:
    """Read the manifest, without the files that stood beside it; None where it is none."""
    overrides, sums = archive.json(ENVIRONMENT), archive.json(SUMS)
    try:
        with TemporaryDirectory(prefix="qbatch-verify-") as nothing_in_it:
            return parse_manifest(
                archive.text(MANIFEST),
                file=MANIFEST,
                folder=nothing_in_it,
                overrides=[str(one) for one in overrides.get("overrides", [])],
                sums={str(file): str(text) for file, text in sums.items()},
            )
    except (QbatchError, AttributeError, TypeError) as error:
        findings.append(Finding(MANIFEST, f"cannot be read: {error}"))
        return None


def _check_files(found: Verified) -> Iterator[Finding]:
    digests, listed = found.archive.digests, found.archive.listed
    for name in sorted({*digests, *listed} - {METADATA}):
        found.files += 1
        if name not in digests:
            yield Finding(name, "is listed, and missing")
        elif name not in listed:
            yield Finding(name, "is there, and not listed")
        elif digests[name] != listed[name]:
            yield Finding(name, "was changed since it was archived: its SHA-256 is another one")


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
        raise SelectionError(f"{archive.path}: {RESULTS}, {SETTINGS} or {POINTS} is no table")
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
        Finding(POINTS, f"{id_[:12]} has no counts in {RESULTS}") for id_ in facts.keys() - seen
    )


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
        raise SelectionError(f"{setting['circuit_file']} is not the circuit that ran")
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
        raise TypeError("jobs, repeat, seed, shots, backend, estimates or counts are none")


def _check_numbers(
    found: Verified, point: Sequence[ArchivedPoint], manifest: Manifest
) -> Iterator[Finding]:
    where = f"{RESULTS}: {point[0].name}"
    try:
        counts = {setting.basis: setting.counts for setting in point}
        computed = _analysed(counts, point[0].fields, manifest)
    except (ValueError, QbatchError) as error:
        yield Finding(where, f"its counts cannot be analysed: {error}")
        return
    for setting in point:
        bought, there = sum(n for _, n in setting.facts["jobs"]), counts[setting.basis].shots
        if there != bought:
            yield Finding(where, f"has counts of {there} shots; its jobs bought {bought}")
    for name, told in point[0].fields["estimates"].items():
        if name not in computed:
            found.not_computed[name] = "is not made of one point's counts alone"
            continue
        found.numbers += 1
        one = computed[name]
        for key in ("value", "se", "low", "high"):
            if not _is_near(told.get(key), getattr(one, key)):
                given = f"{key} is {told.get(key)!r}; its counts give {getattr(one, key)!r}"
                yield Finding(where, f"{name}: {given}")
                break


def _analysed(
    counts: Mapping[str, Counts], fields: Mapping[str, Any], manifest: Manifest
) -> Mapping[str, Estimate]:
    """Compute a point's numbers, from one setting as written or from several."""
    own = {name: fields[name] for name in ("circuit", "backend")}
    analysis = manifest.analysis.at({**own, **fields["parameters"]})
    settings = fields.get("settings")
    if not settings:
        return analyse(counts[""], analysis)
    bases = [str(setting["basis"]) for setting in settings]
    return analyse_settings(counts, bases, analysis)


def _is_near(told: Any, computed: float) -> bool:
    is_number = isinstance(told, int | float) and not isinstance(told, bool)
    return is_number and math.isclose(told, computed, rel_tol=_RELATIVE, abs_tol=_RELATIVE)
