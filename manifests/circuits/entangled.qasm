// cos(θ/2) |00> + sin(θ/2) |11>: a product state at θ = 0, a Bell pair at θ = π/2.
OPENQASM 3.0;
include "stdgates.inc";
input float theta;
qubit[2] q;
bit[2] c;
ry(theta) q[0];
cx q[0], q[1];
c = measure q;
