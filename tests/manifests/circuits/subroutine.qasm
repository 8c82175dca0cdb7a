OPENQASM 3.0;
def flip(qubit q) { }
// expect: subroutine.qasm:2:1: 'def' is not supported
