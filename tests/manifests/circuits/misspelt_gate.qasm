OPENQASM 2.0;
include "qelib1.inc";
gate entangle a, b { h a; cx a, b; }
qreg q[2];
entngle q[0], q[1];
// expect: misspelt_gate.qasm:5:1: 'entngle' is not defined as a gate; did you mean 'entangle'?
