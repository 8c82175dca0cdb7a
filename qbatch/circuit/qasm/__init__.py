"""The language: OpenQASM 2 and 3, read and written.

Reading is one pass over the tokens. Each file reads one part of the language, on top of those
before it:

names         names that a program may use without defining them
tokens        text to tokens, and places in the text
symbols       what a name in scope may stand for
members       members of a register, by index
folding       arithmetic on numbers known while reading
conditions    conditions over measured bits, lowered to one formula
expressions   angles, sizes, conditions as written
references    references to qubits and bits, and measurements
registers     declarations: registers, inputs, constants, variables
calls         gates: definitions, modifiers, calls
blocks        scopes, conditions, loops
switches      ``switch``
returns       what a subroutine returns
subroutines   ``def``, written out where it is called
parser        a program

Beside it:

content       what a text says, whatever way it is written: its part in the id of a point
discarded     measurements whose result nobody keeps
modifiers     modified gates written out as gates known by name
writer        Qiskit circuits to text
"""
