OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
h q[0]
cx q[0], q[1];
// expect: missing_semicolon.qasm:4:7: ';' is missing here, before 'cx'
