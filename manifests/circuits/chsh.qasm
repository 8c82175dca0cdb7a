// Four Bell pairs, one for each pair of settings in the CHSH inequality, measured at once.
// Alice holds the even qubits and measures along 0 or pi/2 in the X-Z plane, Bob the odd ones
// along +theta or -theta: ry(-angle) turns that direction onto Z.
OPENQASM 3.0;
include "stdgates.inc";
input float theta;

gate bell a, b {
  h a;
  cx a, b;
}

qubit[8] q;
bit[8] c;
bell q[0], q[1];
bell q[2], q[3];
bell q[4], q[5];
bell q[6], q[7];
// (a, b) = (0, theta)
ry(-theta) q[1];
// (a, b') = (0, -theta)
ry(theta) q[3];
// (a', b) = (pi/2, theta)
ry(-pi/2) q[4];
ry(-theta) q[5];
// (a', b') = (pi/2, -theta)
ry(-pi/2) q[6];
ry(theta) q[7];
c = measure q;
