"""What a plan amounts to.

summary   points, shots, jobs, price and time, for each backend and in all
quotes    what clouds that quote each job would take for it, in each way they offer
limits    ``budget`` and ``--max-cost`` against a plan
"""
