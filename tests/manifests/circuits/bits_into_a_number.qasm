OPENQASM 3.0;
include "stdgates.inc";
bit[3] c;
uint[3] n = c;
// expect: bits_into_a_number.qasm:4:13: 'n' would be known only to the machine that measures; use the bits themselves, in a condition
