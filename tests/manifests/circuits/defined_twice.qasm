OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] q;
// expect: defined_twice.qasm:4:8: 'q' is already defined; choose another name
