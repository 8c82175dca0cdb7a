OPENQASM 3.0;
include "stdgates.inc";
// Put on the equator, left to turn once in 10 microseconds, turned back.
input duration wait;
qubit[1] q;
bit[1] c;
h q[0];
delay[wait] q[0];
rz(2*pi*(wait/10us)) q[0];
h q[0];
c[0] = measure q[0];
