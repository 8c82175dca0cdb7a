OPENQASM 3.0;
include "stdgates.inc";

qubit q;
const int n = 1 << 1000000000;
// expect: shift_too_wide.qasm:5:17: this integer does not fit into 14000 bits; use a float, or a smaller number