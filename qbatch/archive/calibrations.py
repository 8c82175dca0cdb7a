"""Whether the calibrations of an archive are what they say: digests and values, computed anew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from qbatch.calibration import PREFIX, digest_of, values_of
from qbatch.exchange.archived.contents import CALIBRATIONS, RESULTS
from qbatch.exchange.archived.reading import Archive


def wrong_calibrations(archive: Archive) -> Iterator[tuple[str, str]]:
    """Yield where a calibration is not what it should be, and what is wrong with it."""
    results = archive.json(RESULTS)
    told = _list(results, "calibrations")
    values = {str(each.get("calibration")): each.get("values") for each in told}
    named = {
        digest
        for point in _list(results, "points")
        for job in _list(point, "calibrations")
        for digest in job.get("calibrations") or ()
        if isinstance(digest, str)
    }
    for name in archive.files:
        folder, _, file = name.rpartition("/")
        if folder == CALIBRATIONS:
            digest = file.removesuffix(".json")
            for problem in _problems(archive.files[name], digest, values.pop(digest, None)):
                yield name, problem
            named.discard(digest)
    for digest in sorted(named | values.keys()):
        yield f"{CALIBRATIONS}/{digest}.json", f"is missing, and {RESULTS} names it"


def _problems(body: bytes, digest: str, told: Any) -> Iterator[str]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        yield f"is no JSON: {error}"
        return
    if digest_of(document) != digest:
        yield "is not the calibration with that digest"
    found = {
        f"{column}".removeprefix(PREFIX): {"value": value.value, "unit": value.unit}
        for column, value in values_of(document).items()
    }
    if told is not None and told != found:
        yield f"{RESULTS} tells other numbers of it"


def _list(value: Any, key: str) -> list[Mapping[str, Any]]:
    """The objects in a list of an object; none where there is no such list."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
