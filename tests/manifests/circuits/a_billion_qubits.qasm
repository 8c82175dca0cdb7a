OPENQASM 2.0;
qreg q[1000000000];
// expect: a_billion_qubits.qasm:2:8: 1000000000 qubits are too many; qbatch takes 10000
