"""Small circuits at many points at once, in numpy: gates are joined before a state is touched.

Rules: which circuits come here is a rule of the plan (`method.choose_library`). A gate with free
angles is a row of `matrices.GATES`; every other is Qiskit's matrix of it, or its definition. What
one point gives does not depend, to the last bit, on the points beside it: matrices are multiplied
point by point, and what is done to many points at once is real arithmetic, entry by entry.
"""
