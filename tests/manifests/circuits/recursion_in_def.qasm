OPENQASM 3.0;
include "stdgates.inc";

def f(qubit a) {
  f(a);
}
qubit q;
f(q);
// expect: recursion_in_def.qasm:5:3: 'f' calls itself, and subroutines are written out where they are called; use a for loop