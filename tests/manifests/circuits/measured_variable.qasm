OPENQASM 3.0;
include "stdgates.inc";
qubit q;
bit[3] c;
int[8] n = 0;
if (c[0]) { n += 1; }
// expect: measured_variable.qasm:6:13: 'n' would be known only to the machine that measures; use the bits themselves, in a condition
