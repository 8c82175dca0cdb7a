def build():
    pass


# expect: returns_nothing.py:1: build() returned a NoneType; return a Qiskit circuit or OpenQASM text
