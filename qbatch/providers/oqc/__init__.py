"""OQC QCaaS.

driver     the protocol: one batch is one composite job
config     options of a task, as its JSON config
results    result formats to counts
snapshot   the official client's own snapshot file, read and written
"""
