OPENQASM 2.0;
opaque magic a, b;
// expect: opaque_gate.qasm:2:1: an opaque gate has no definition to run: 'magic'
