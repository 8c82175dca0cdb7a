OPENQASM 3.0;
include "stdgates.inc";
stretch a;
// expect: a_stretch.qasm:3:1: 'stretch' is not supported; write the time where it is needed: delay[100ns] q;
