OPENQASM 3.0;
for int i in [0:999999] { for int j in [0:999999] { } }
// expect: loop_bomb.qasm:2:27: the circuit has too many operations, loops and gates written out; make it shorter
