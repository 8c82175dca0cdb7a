OPENQASM 3.0;
include "stdgates.inc";
qubit q;
h q;
measure q;
h q;
// expect: lost_measurement.qasm:5:1: what was measured is used again, and no bit is free to take the result; declare one for it: c = measure q;
