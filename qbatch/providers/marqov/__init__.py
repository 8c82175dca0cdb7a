"""Marqov.

driver     the protocol
native     the vendor's own path: Python, a cap, one admission per key
noise      what a noise model may say, and where
options    what a person may write under ``options``
replies    what the service answers, read and checked
"""
