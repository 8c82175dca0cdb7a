OPENQASM 3.0;
include "stdgates.inc";
bit[3] c = "010";
// expect: bits_begin_as_one.qasm:3:12: bits begin as 0; for another first value measure a qubit after an x into them
