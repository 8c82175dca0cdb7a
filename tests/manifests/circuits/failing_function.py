def build():
    angles = []
    return angles[3]


# expect: failing_function.py:3: IndexError: list index out of range
