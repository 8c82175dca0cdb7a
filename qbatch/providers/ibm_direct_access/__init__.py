"""IBM Quantum System REST API ("Direct Access").

driver       the protocol: one sampler job is one composite job
options      what a person may write under ``options``
sampler      of these, the sampler's own
replies      what the service answers, read and checked
machine      the one that jobs are for, and what circuits become for it
submissions  a sampler job as it is written
fitting      what a machine is to the translation of circuits
service      where it is, requests with the token, its machines
objects      programs, results and logs in the bucket
jobs         all jobs of the user, whoever made them
storage      the S3-compatible bucket that programs and results travel through
"""

from qbatch.providers.room import Room

ROOM = Room(
    driver="qbatch.providers.ibm_direct_access.driver",
    options="qbatch.providers.ibm_direct_access.options",
    account_options=frozenset({"service_crn", "iam_endpoint", "auth", "storage"}),
    layout_option="initial_layout",
    seeding_options=frozenset({"sampler.simulator.seed_simulator"}),
    tells_calibration=True,
    units=frozenset({"qpu_seconds"}),
)
