OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
cx q[1], q[1];
// expect: same_qubit_twice.qasm:4:1: the same qubit is given twice; name different ones
