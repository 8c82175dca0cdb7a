OPENQASM 3.0;
include "stdgates.inc";
defcal x $0 { }
// expect: pulses.qasm:3:1: 'defcal' brings pulses, which are not executed; write gates
