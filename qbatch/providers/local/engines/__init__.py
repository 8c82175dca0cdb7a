"""What carries chunks of work to where they are computed, and the answers back.

Rules: an engine decides where and when, never what: an evolution is computed by itself, by the one
code of `qbatch.providers.local.engine`, so that counts are equal on all of them.

    options                what a person may write under ``engine``
    contract               what an engine is: chunks in, answers out
    given_out              chunks on their way; one whose worker broke is tried again alone
    frames                 chunks and answers as bytes, checked before they count
    permission             which words of a manifest need the person's own
    inline                 in this process, for virtual clocks
    pool, process, worker  processes of this machine, or steps of an allocation
    command, child         what a worker is, and what the system knows of it
    forked, fork_server    workers forked by a process that has loaded what they need
    dask, dask_task        a Dask cluster, and what a worker of it does
    slurm, node            batch jobs of a centre, and what one does on its node
"""
