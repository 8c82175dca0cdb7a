"""Scaleway QaaS.

driver     the protocol: the jobs of one session are one composite job
replies    what the service answers, read and checked
results    result models to counts
"""
