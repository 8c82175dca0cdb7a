"""Open Quantum.

driver     the protocol
replies    what the service answers, read and checked
account    what is true of an organization and its prices
"""
