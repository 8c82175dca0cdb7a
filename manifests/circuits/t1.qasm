OPENQASM 3.0;
include "stdgates.inc";
// Excited, left alone, measured.
input duration wait;
qubit[1] q;
bit[1] c;
x q[0];
delay[wait] q[0];
c[0] = measure q[0];
