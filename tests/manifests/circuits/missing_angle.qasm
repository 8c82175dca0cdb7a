OPENQASM 3.0;
include "stdgates.inc";
qubit q;
rx q;
// expect: missing_angle.qasm:4:1: gate 'rx' takes 1 angle(s) in parentheses, got 0
