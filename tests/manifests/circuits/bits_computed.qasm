OPENQASM 3.0;
include "stdgates.inc";
bit[3] c;
c[0] = c[1] ^ c[2];
// expect: bits_computed.qasm:4:1: bits can only be set by a measurement; write the expression where it is needed, in a condition
