OPENQASM 3.0;
include "stdgates.inc";
qubit q;
bit c;
for int i in [0:3] {
  c = measure q;
  if (c) { break; }
}
// expect: break_on_a_measurement.qasm:7:12: 'break' would depend on a measurement, which is not supported; put what follows under a condition
