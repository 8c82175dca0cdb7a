OPENQASM 3.0;
include "stdgates.inc";
qubit q;
bit[2] c;
if (c == 0.5) x q;
// expect: impossible_condition.qasm:5:7: bits are whole numbers, 0.5 is none; compare them with one
