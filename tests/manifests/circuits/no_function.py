def bild():
    return ""


# expect: no_function.py: has no function 'build'; did you mean 'bild'?
