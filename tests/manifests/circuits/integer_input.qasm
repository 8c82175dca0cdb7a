OPENQASM 3.0;
input int[32] n;
// expect: integer_input.qasm:2:1: input 'n' is of type int; only float, angle and duration inputs can be bound (a template variable can change a circuit's shape)
