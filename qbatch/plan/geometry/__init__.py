"""The shape of a sweep: its axes, which points there are, and in which order; no circuit opened.

axes        the written form of an axis to its values
written     how values of an axis are written so that none look alike
resolving   a sweep as written to its axes' values and included points
grid        blocks of points as products of dimensions, counted, not made
where       points against a `where`
draw        a shuffle that is never written down, and a fair sample
sweep       one sweep, resolved: which of its points there are, in order
repeated    points made twice
"""
