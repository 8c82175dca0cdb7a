"""The language: OpenQASM 2 and 3, read and written.

names         names that a program may use without defining them
tokens        text to tokens, and places in the text
expressions   angles, sizes, conditions as written
conditions    conditions over measured bits, lowered to one formula
registers     registers, inputs, constants, variables, aliases, references to them
calls         gates: definitions, modifiers, calls
modifiers     modified gates written out as gates known by name
blocks        scopes, conditions, loops, ``switch``
subroutines   ``def``, written out where it is called
discarded     measurements whose result nobody keeps
parser        a program
writer        Qiskit circuits to text
"""
