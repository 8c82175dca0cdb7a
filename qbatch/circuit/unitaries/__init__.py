"""What gates are as matrices.

atoms      each gate of OpenQASM 3, global phase included
controls   controlled unitaries as gates that simulators know by name
powers     powers of gates as functions of their eigenphases
pairs      a unitary on two qubits in gates known by name
linear     whether a gate's angles go straight with its parameters
"""
