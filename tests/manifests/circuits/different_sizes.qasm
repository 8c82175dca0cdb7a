OPENQASM 2.0;
include "qelib1.inc";
qreg q[3];
creg c[2];
measure q -> c;
// expect: different_sizes.qasm:5:1: 3 qubit(s) cannot be measured into 2 bit(s); name as many bits
