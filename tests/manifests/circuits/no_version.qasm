qubit q;
h q;
// expect: no_version.qasm:1:1: a circuit begins with 'OPENQASM 3.0;' or 'OPENQASM 2.0;'
