OPENQASM 4.0;
// expect: other_version.qasm:1:10: this version of OpenQASM is '4.0'; use 2.0 or 3.0
