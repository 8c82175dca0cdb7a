from __future__ import annotations

import math
import sys

import pytest
from simulating import BELL, HEAD, counts, failure, order, probabilities, settings

STIM = {"options": {"method": "stim"}}


def test_without_stim_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "stim", None)
    said = failure(order(BELL + "// no stim\n"), settings(**STIM))
    assert "pip install 'qbatch[stim]'" in said


class TestWithStim:
    @pytest.fixture(autouse=True)
    def _needs_stim(self):
        pytest.importorskip("stim")

    @pytest.mark.parametrize(
        "body",
        [
            "h q[0]; s q[0]; h q[0]; cy q[0], q[1]; sdg q[1]; h q[1];",
            "rx(pi/2) q[0]; ry(-pi/2) q[1]; cz q[0], q[1]; ry(pi) q[0]; rz(pi/2) q[1]; sx q[1];",
            "h q[0]; U(pi/2, 0, pi) q[1]; swap q[0], q[1]; crz(pi) q[0], q[1]; h q[1];",
            "h q[0]; ctrl @ x q[0], q[1]; inv @ s q[0]; negctrl @ z q[1], q[0]; h q[0];",
        ],
    )
    def test_it_agrees_with_amplitudes(self, body):
        text = HEAD + f"qubit[2] q; bit[2] c;\n{body}\nc = measure q;\n"
        wanted = probabilities(text, settings())
        found = counts(order(text, 3, shots=20_000), settings(**STIM)).to_ints()
        for outcome, probability in enumerate(wanted):
            error = 5 * math.sqrt(max(0, probability * (1 - probability)) / 20_000) + 1e-6
            assert found.get(outcome, 0) / 20_000 == pytest.approx(probability, abs=error)

    def test_bits_hold_what_was_measured_into_them_last(self):
        text = HEAD + (
            "qubit[2] q; bit[3] c;\nc[2] = measure q[0]; x q[0]; c[2] = measure q[0];\n"
            "c[0] = measure q[0]; reset q[0]; c[1] = measure q[0];\n"
        )
        assert counts(order(text, shots=5), settings(**STIM)).to_dict() == {"101": 5}

    def test_the_same_seed_gives_the_same_counts(self):
        one = order(BELL, 9, shots=500)
        assert counts(one, settings(**STIM)) == counts(one, settings(**STIM))

    @pytest.mark.parametrize("gate", ["t", "rz(0.3)"])
    def test_what_is_no_clifford_gate_is_told_by_name(self, gate):
        text = HEAD + f"qubit[1] q; bit[1] c;\n{gate} q[0];\nc = measure q;\n"
        assert gate.split("(")[0] in failure(order(text), settings(**STIM))

    def test_feedback_is_refused(self):
        text = HEAD + "qubit[1] q; bit[1] c;\nc = measure q;\nif (c[0]) { x q[0]; }\n"
        assert "stim knows no if_else" in failure(order(text), settings(**STIM))
