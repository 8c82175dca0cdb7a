OPENQASM 3.0;
include "stdgates.inc";
bit[3] c;
qubit q;
if (c + 1 == 2) x q;
// expect: integer_condition.qasm:5:7: '+' on measured bits is not supported; compare them, or use & | ^ ~
