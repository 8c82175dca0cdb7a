OPENQASM 2.0;
def flip(qubit q) { }
// expect: subroutine.qasm:2:1: 'def' is a word of OpenQASM 3, and this is OpenQASM 2; begin with 'OPENQASM 3.0;'
