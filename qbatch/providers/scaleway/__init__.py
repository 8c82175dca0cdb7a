"""Scaleway QaaS.

driver     the protocol: the jobs of one session are one composite job
options    what a person may write under ``options``
replies    what the service answers, read and checked
service    where it is, requests with the key, lists
platform   the one that a backend runs on
sessions   opened, prolonged, ended, and what their time came to
models     programs as they are uploaded
names      what sessions and jobs are called
posted     jobs in their sessions: found, and where each stands
standing   what a job's record says
jobs       all jobs of the project
moments    instants and durations as they are written there
results    result models to counts
"""

from qbatch.providers.room import Room

ROOM = Room(
    driver="qbatch.providers.scaleway.driver",
    options="qbatch.providers.scaleway.options",
    account_options=frozenset({"project_id"}),
    label_options=frozenset({"session_id", "max_duration"}),
    compiles=True,
    seeding_options=frozenset({"simulator.seed_simulator"}),
    units=frozenset({"eur"}),
    also_called=frozenset({"scw"}),
)
