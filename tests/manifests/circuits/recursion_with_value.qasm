OPENQASM 3.0;
include "stdgates.inc";

def f(qubit a, int n) {
  f(a, n - 1);
}
qubit q;
f(q, 3);
// expect: recursion_with_value.qasm:5:3: 'f' calls itself, and subroutines are written out where they are called; use a for loop