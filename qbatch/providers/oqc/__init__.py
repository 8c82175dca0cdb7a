"""OQC QCaaS.

driver     the protocol: one batch is one composite job
service    where it is, requests with the token, its QPUs
qpu        the one that a backend runs on
tasks      where each task stands, and what it brought
jobs       all tasks of the account
options    what a person may write under ``options``
config     the same as the tagged JSON that is sent
replies    what the service answers, read and checked
results    result formats to counts
"""

from qbatch.providers.room import Room

ROOM = Room(
    driver="qbatch.providers.oqc.driver",
    options="qbatch.providers.oqc.options",
    label_options=frozenset({"tag", "hybrid_marker"}),
    compiles=True,
    as_written={"tket": "none"},
    tells_calibration=True,
    units=frozenset({"usd"}),
)
