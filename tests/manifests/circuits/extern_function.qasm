OPENQASM 3.0;
include "stdgates.inc";
extern f(float) -> float;
// expect: extern_function.qasm:3:1: 'extern' calls a function outside the circuit; compute its value before, as an input
