// QAOA with one layer for MaxCut on a ring of six nodes.
// exp(-i gamma C) with C = sum of (1 - Z Z)/2 over the edges, then exp(-i beta X) on each node.
OPENQASM 3.0;
include "stdgates.inc";
input float gamma;
input float beta;

gate edge(turn) a, b {
  cx a, b;
  rz(-turn) b;
  cx a, b;
}

qubit[6] q;
bit[6] c;
h q;
edge(gamma) q[0], q[1];
edge(gamma) q[1], q[2];
edge(gamma) q[2], q[3];
edge(gamma) q[3], q[4];
edge(gamma) q[4], q[5];
edge(gamma) q[5], q[0];
rx(2 * beta) q;
c = measure q;
