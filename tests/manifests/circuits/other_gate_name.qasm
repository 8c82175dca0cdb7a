OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
cnot q[0], q[1];
// expect: other_gate_name.qasm:4:1: 'cnot' is not defined as a gate; did you mean 'cx'?
