OPENQASM 3.0;
input int[32] n;
// expect: integer_input.qasm:2:1: input 'n' is of type int; only float and angle inputs can be bound (a template variable can change a circuit's shape)
