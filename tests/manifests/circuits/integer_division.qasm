OPENQASM 3.0;
include "stdgates.inc";
qubit q;
rx(1/2) q;
// expect: integer_division.qasm:4:5: 1/2 divides integers, which OpenQASM 3 rounds to 0; write 1.0/2 for 0.5
