"""Open Quantum.

driver         the protocol
options        what a person may write under ``options``
replies        what the service answers, read and checked
platform       requests with the token, and the platform's lists
backend_class  the one that jobs are for, and what it takes
preparations   programs uploaded, checked and quoted
jobs           all jobs of the organization
calibration    what comes with a completed job
account        what is true of an organization and its prices
"""

from qbatch.providers.room import Room

ROOM = Room(
    driver="qbatch.providers.open_quantum.driver",
    options="qbatch.providers.open_quantum.options",
    account_options=frozenset({"organization"}),
    tells_calibration=True,
    units=frozenset({"credits"}),
)
