OPENQASM 3.0;
include "stdgates.inc";
def f(qubit q) { x q; }
def g(qubit q, int n) { f(q); g(q, n - 1); }
qubit q;
g(q, 3);
// expect: recursion.qasm:4:31: 'g' calls itself, and subroutines are written out where they are called; use a for loop
