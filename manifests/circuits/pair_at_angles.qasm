OPENQASM 3.0;
include "stdgates.inc";
// A Bell pair, its two qubits measured along directions at angles a and b in the x-z plane.
input float a;
input float b;
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
ry(-a) q[0];
ry(-b) q[1];
c = measure q;
