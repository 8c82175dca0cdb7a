OPENQASM 3.0;
include "stdgates.inc";
input float theta;
qubit q;
rx(2 * thta) q;
// expect: unknown_parameter.qasm:5:8: 'thta' is not defined as a value; did you mean 'theta'?
