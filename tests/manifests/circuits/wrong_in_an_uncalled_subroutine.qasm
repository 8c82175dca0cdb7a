OPENQASM 3.0;
include "stdgates.inc";
def f(qubit[2] q) { cx q[0], q[2]; }
// expect: wrong_in_an_uncalled_subroutine.qasm:3:32: index 2 is out of range: 'q' has 2 qubits; count from 0
