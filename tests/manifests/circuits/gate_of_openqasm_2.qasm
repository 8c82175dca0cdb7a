OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
rzz(0.1) q[0], q[1];
// expect: gate_of_openqasm_2.qasm:4:1: gate 'rzz' is of OpenQASM 2; define it before: gate rzz …
