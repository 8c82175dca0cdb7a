OPENQASM 3.0;
include "stdgates.inc";
qubit q;
while (true) { x q; }
// expect: endless_loop.qasm:4:1: this loop never ends; change in it what its condition reads
