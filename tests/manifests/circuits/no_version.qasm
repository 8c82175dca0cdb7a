qubit q;
h q;
// expect: no_version.qasm:2:1: gate 'h' needs 'include "stdgates.inc";' before it
