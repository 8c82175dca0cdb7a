OPENQASM 2.0;
include "qelib1.inc";
gate a q { x q; x q; x q; x q; x q; x q; x q; x q; x q; x q; }
gate b q { a q; a q; a q; a q; a q; a q; a q; a q; a q; a q; }
gate c q { b q; b q; b q; b q; b q; b q; b q; b q; b q; b q; }
gate d q { c q; c q; c q; c q; c q; c q; c q; c q; c q; c q; }
gate e q { d q; d q; d q; d q; d q; d q; d q; d q; d q; d q; }
gate f q { e q; e q; e q; e q; e q; e q; e q; e q; e q; e q; }
gate g q { f q; f q; f q; f q; f q; f q; f q; f q; f q; f q; f q; }
qreg q[1];
g q[0];
// expect: gate_bomb.qasm:9:62: the circuit has too many operations, loops and gates written out; make it shorter
