OPENQASM 3.0;
qubit[2] q;
measure q;
// expect: lost_measurement.qasm:3:1: a measurement needs a bit for its result: c = measure q;
