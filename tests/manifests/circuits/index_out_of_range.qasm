OPENQASM 3.0;
include "stdgates.inc";
qubit[3] q;
for uint i in [0:2] {
  cx q[i], q[i + 1];
}
// expect: index_out_of_range.qasm:5:14: index 3 is out of range: 'q' has 3 qubits; count from 0
