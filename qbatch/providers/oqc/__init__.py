"""OQC QCaaS.

driver     the protocol: one batch is one composite job
options    what a person may write under ``options``
config     the same as the tagged JSON that is sent
results    result formats to counts
"""
