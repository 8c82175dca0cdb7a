"""Marqov.

driver     the protocol
replies    what the service answers, read and checked
"""
