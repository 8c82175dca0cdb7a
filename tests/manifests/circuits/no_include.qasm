OPENQASM 3.0;
qubit q;
h q;
// expect: no_include.qasm:3:1: gate 'h' needs 'include "stdgates.inc";' before it
