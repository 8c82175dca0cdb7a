OPENQASM 2.0;
include "/etc/passwd";
// expect: include_of_a_secret.qasm:2:9: only "qelib1.inc" can be included in OpenQASM 2.0
