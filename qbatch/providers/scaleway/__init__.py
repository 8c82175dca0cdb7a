"""Scaleway QaaS.

driver     the protocol: the jobs of one session are one composite job
options    what a person may write under ``options``
replies    what the service answers, read and checked
moments    instants and durations as they are written there
results    result models to counts
"""

from qbatch.providers.room import Room

ROOM = Room(
    driver="qbatch.providers.scaleway.driver",
    options="qbatch.providers.scaleway.options",
    account_options=frozenset({"project_id"}),
    label_options=frozenset({"session_id", "max_duration"}),
)
