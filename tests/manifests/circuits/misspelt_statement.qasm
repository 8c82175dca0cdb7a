OPENQASM 3.0;
include "stdgates.inc";
qubit q;
mesure q;
// expect: misspelt_statement.qasm:4:1: 'mesure' is not defined as a gate; did you mean 'measure'?
