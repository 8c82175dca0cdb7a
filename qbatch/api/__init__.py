"""What Python callers get of the package: runs, statuses and comparisons that show themselves.

`qbatch` itself names all of it, and no other module is an interface. The objects are those of the
rooms below, with what only this room may know of several of them: a run that draws and judges.
"""
