OPENQASM 3.0;
include "stdgates.inc";
// Phase estimation: which phi is it that cp(2*pi*phi) turns |1> by? Read as a binary fraction.
input float phi;
qubit[4] count;
qubit eigen;
bit[4] c;
x eigen;
for int k in [0:3] { h count[k]; }
// count[k] learns 2**k turns.
cp(2*pi*phi) count[0], eigen;
cp(4*pi*phi) count[1], eigen;
cp(8*pi*phi) count[2], eigen;
cp(16*pi*phi) count[3], eigen;
// The inverse Fourier transform, count[3] the most significant.
swap count[0], count[3];
swap count[1], count[2];
h count[0];
cp(-pi/2) count[0], count[1];
h count[1];
cp(-pi/4) count[0], count[2];
cp(-pi/2) count[1], count[2];
h count[2];
cp(-pi/8) count[0], count[3];
cp(-pi/4) count[1], count[3];
cp(-pi/2) count[2], count[3];
h count[3];
c = measure count;
