OPENQASM 3.0;
include "stdgates.inc";
// Three bits in two registers, no symmetry: a[0] is always 1, a[1] is turned by theta, b is mixed.
input float theta;
qubit[3] q;
bit[2] a;
bit[1] b;
x q[0];
ry(theta) q[1];
h q[2];
a[0] = measure q[0];
a[1] = measure q[1];
b[0] = measure q[2];
