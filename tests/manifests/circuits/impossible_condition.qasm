OPENQASM 3.0;
include "stdgates.inc";
qubit q;
bit[2] c;
if (c == 4) x q;
// expect: impossible_condition.qasm:5:7: 2 bit(s) are never 4
