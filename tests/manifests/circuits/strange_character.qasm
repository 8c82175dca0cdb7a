OPENQASM 3.0;
qubit q; § q;
// expect: strange_character.qasm:2:10: '§' is no part of OpenQASM; take it away
