"""What waits for a person's word ends with 6, and wrong amounts are told at their option.

Rows of the guide's table that need a cloud that answers stand elsewhere: prices, limits, resolve
and bits in `test_cli_clouds`, jobs that are needed in `test_cli_jobs`, roads of credentials in
`test_cli_secrets`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qbatch import errors
from qbatch.circuit import UntrustedCodeError
from qbatch.cli.exits import Exit, code_of
from qbatch.errors import Place, SourceError, SourceErrors

Call = Callable[..., Any]

LOCAL = """\
qbatch: 1
name: word
circuits: {CIRCUIT}
backends: {sim: {provider: local}}
shots: 10
"""
BELL = "bell: bell.qasm"
CODE = "c: {python: 'code.py:build'}"
MISSING = "gone: not-there.qasm"
AWAY = "provider: marqov, target: marqov-sim"


@pytest.fixture
def write(manifest: Path) -> Callable[..., Path]:
    """Write a manifest beside bell.qasm and code that returns it."""
    manifest.with_name("code.py").write_text(
        'def build():\n    return "OPENQASM 2.0; qreg q[1]; creg c[1]; measure q -> c;"\n'
    )

    def made(circuits: str = BELL, backend: str = "provider: local") -> Path:
        path = manifest.with_name("word.yaml")
        text = LOCAL.replace("CIRCUIT", circuits).replace("provider: local", backend)
        path.write_text(text)
        return path

    return made


@pytest.mark.parametrize("verb", ["validate", "plan", "run", "run --yes"])
@pytest.mark.parametrize(("circuits", "code"), [(CODE, 6), (f"{CODE}, {MISSING}", 3), (MISSING, 3)])
def test_code_waits_for_the_persons_word_unless_there_is_a_mistake_too(
    qbatch: Call, write: Callable[..., Path], verb: str, circuits: str, code: int
) -> None:
    word, *flags = verb.split()
    said = qbatch(word, write(circuits), *flags)
    assert said.code == code, said.err
    assert ("allow it with --trust" in said.out + said.err) == (CODE in circuits)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("provider: local, engine: {dask: 'tcp://there:8786'}", "engine.dask"),
        ("provider: local, engine: {slurm: {setup: 'rm it'}}", "engine.slurm.setup"),
        ("provider: local, engine: {slurm: {account: theirs}}", "engine.slurm.account"),
        (f"{AWAY}, credentials: 'env:HOME'", "a manifest may not name that"),
        (f"{AWAY}, url: 'https://elsewhere.example'", "would go to elsewhere.example"),
        (f"{AWAY}, url: 'http://elsewhere.example'", "over plain http"),
    ],
)
def test_doors_and_roads_of_a_manifest_wait_for_the_persons_word(
    qbatch: Call,
    write: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
    told: str,
) -> None:
    monkeypatch.setenv("MARQOV_PLATFORM_KEY", "mrq_0123456789")
    said = qbatch("run", write(backend=backend), "--yes", "--no-report")
    assert said.code == 6, said.err
    assert told in said.err


def test_what_was_frozen_or_saved_and_is_another_waits_for_the_persons_word(
    qbatch: Call, write: Callable[..., Path]
) -> None:
    path = write()
    assert qbatch("plan", path, "-o", "saved.json").code == 0
    assert qbatch("run", path, "--no-report").code == 0
    path.write_text(path.read_text().replace("shots: 10", "shots: 20"))
    for flags in (["--frozen"], ["--plan", "saved.json"]):
        assert qbatch("run", path, "--no-report", *flags).code == 6


def test_what_is_forgotten_waits_for_the_persons_word(
    qbatch: Call, write: Callable[..., Path]
) -> None:
    path = write()
    qbatch("run", path, "--no-report")
    said = qbatch("forget", path)
    assert said.code == 6
    assert "Nobody is there to answer; say --yes to go on" in said.err
    assert Path("runs/word/snapshot.db").exists()


PLACE = Place("a.yaml", 1, 2)
CONSENT = UntrustedCodeError(PLACE, "x")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CONSENT, Exit.NO_CONSENT),
        (SourceErrors("m", [CONSENT, CONSENT]), Exit.NO_CONSENT),
        (SourceErrors("m", [CONSENT, SourceError(PLACE, "y")]), Exit.INVALID),
        (SourceErrors("m", [SourceError(Place("-S shots"), "y")]), Exit.USAGE),
        (errors.NotAllowed("a"), Exit.NO_CONSENT),
        (errors.Elsewhere("a"), Exit.NO_CONSENT),
        (errors.CredentialsError("a"), Exit.CREDENTIALS),
        (errors.ConsentError("a"), Exit.NO_CONSENT),
    ],
)
def test_consent_comes_before_whatever_else_an_error_is(error: Exception, code: Exit) -> None:
    assert code_of(error) is code


def _all(kind: type[BaseException]) -> set[type[BaseException]]:
    return {kind}.union(*(_all(each) for each in kind.__subclasses__()))


def test_every_refusal_for_want_of_a_word_is_a_consent_error() -> None:
    """The classes of the tree; a new one is to be told here, in the guide and in a test."""
    of_money = {"NotApproved", "NotAllBought", "OverBudget", "NotAgreed"}
    of_strangers = {"NotAllowed", "Elsewhere", "UntrustedCodeError"}
    found = {kind.__name__ for kind in _all(errors.ConsentError)}
    assert found == {"ConsentError", *of_money, *of_strangers}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("run word.yaml --wait abc", "'--wait': 'abc' is no duration; write 90s, 30m"),
        ("run word.yaml --wait 0s", "'--wait': '0s' is out of range; write more than 0"),
        ("run word.yaml --wait nan", "'--wait': 'nan' is out of range; write more than 0"),
        ("run word.yaml --max-cost abc", "'--max-cost': 'abc' is no price; write 5usd"),
        ("retry word.yaml --max-cost 5", "'--max-cost': '5' is no price; write 5usd"),
        ("run word.yaml --rehearse --queue-s a 1", "'--queue-s': 'a' is no number; write a"),
        ("jobs --most x", "'--most': 'x' is no whole number; write a whole number, 1 to 1000"),
        ("jobs --most 0", "'--most': '0' is out of range; write a whole number, 1 to 1000"),
        ("emulate oqc --port 65536", "'--port': '65536' is out of range; write a whole"),
        ("emulate oqc --queue-s nan", "'--queue-s': 'nan' is out of range; write a number, 0"),
        ("emulate oqc --queue-s -1", "'--queue-s': '-1' is out of range; write a number, 0"),
        ("emulate oqc --seed x", "'--seed': 'x' is no whole number; write a whole number, 0"),
        ("backends --calibration abc", "'--calibration': 'abc' is no day; write YYYY-MM-DD"),
        ("run word.yaml -S run.wait=abc", "-S run.wait: run.wait: 'abc' is no duration; write"),
    ],
)
def test_a_wrong_amount_is_told_with_option_value_and_remedy(
    qbatch: Call, write: Callable[..., Path], arguments: str, told: str
) -> None:
    write()
    said = qbatch(*arguments.split())
    assert said.code == 2
    assert told in said.err
