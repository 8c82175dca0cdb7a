OPENQASM 3.0;
include "stdgates.inc";
qubit q;
foo q;
// expect: no_such_gate.qasm:4:1: 'foo' is not defined as a gate; define it above
