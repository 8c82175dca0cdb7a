OPENQASM 3.0;
qubit ÿþ;
// expect: not_utf8.qasm:2: is not UTF-8; save it as UTF-8
