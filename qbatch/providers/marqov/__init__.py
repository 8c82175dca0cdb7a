"""Marqov.

driver       the protocol
service      where it is, requests with the key, the catalogue
submissions  what is submitted, and what it costs
jobs         all jobs that a key may ask about
native       the vendor's own path: Python, a cap, one admission per key
noise        what a noise model may say, and where
options      what a person may write under ``options``
replies      what the service answers, read and checked
"""

from qbatch.providers.room import Room

ROOM = Room(
    driver="qbatch.providers.marqov.driver",
    options="qbatch.providers.marqov.options",
    account_options=frozenset({"team"}),
    label_options=frozenset({"native", "team"}),
    compiles=True,
    seeding_options=frozenset({"native"}),
    units=frozenset({"usd"}),
)
