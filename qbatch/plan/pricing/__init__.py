"""What a plan amounts to.

summary   points, shots, jobs, price and time, for each backend and in all
limits    ``budget`` and ``--max-cost`` against a plan
"""
