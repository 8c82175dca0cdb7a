OPENQASM 3.0;
include "stdgates.inc";
float a = 0.1;
gate g q { rx(a) q; }
// expect: variable_in_a_gate.qasm:4:15: 'a' is not visible within gates and subroutines; only what is const is, and what they are given
