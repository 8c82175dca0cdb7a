OPENQASM 3.0;
include "stdgates.inc";
def m(qubit q) -> bit { return measure q; }
qubit q;
if (m(q)) x q;
// expect: measurement_in_a_condition.qasm:3:32: this measurement needs a bit: assign the call to one (c = …;), and use that
