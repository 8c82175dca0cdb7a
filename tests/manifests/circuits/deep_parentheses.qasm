OPENQASM 3.0;
const float x = ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1;
// expect: deep_parentheses.qasm:2:67: nested more than 50 levels deep; write it flatter
