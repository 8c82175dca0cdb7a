OPENQASM 3.0;
include "stdgates.inc";
array[float, 3] a;
// expect: an_array.qasm:3:1: 'array' is not supported; write registers, or a constant for each element
