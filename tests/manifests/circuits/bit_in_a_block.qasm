OPENQASM 3.0;
include "stdgates.inc";
qubit q;
if (true) { bit c; c = measure q; }
// expect: bit_in_a_block.qasm:4:17: bits within a block are not supported; declare 'c' at the top of the circuit, or return it to a bit there
