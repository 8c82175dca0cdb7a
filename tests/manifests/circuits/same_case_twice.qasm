OPENQASM 3.0;
include "stdgates.inc";
bit[3] c;
switch (c) { case 1, 2 { } case 0b10 { } }
// expect: same_case_twice.qasm:4:33: case 2 is there twice; take one away
