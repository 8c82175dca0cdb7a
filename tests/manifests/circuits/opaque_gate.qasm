OPENQASM 2.0;
opaque magic a, b;
qreg q[2];
magic q[0], q[1];
// expect: opaque_gate.qasm:4:1: 'magic' is opaque: it has no definition to run; use another gate
