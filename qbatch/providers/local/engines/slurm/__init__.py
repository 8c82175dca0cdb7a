"""A centre's batch system, by its own commands: sbatch, squeue, sacct, scancel.

Rules: a composite job is one batch job, named by its key, or a task of an array that others are
tasks of too, which stands in a note beside its work; and there is no daemon of ours. The file
that its worker leaves in the run folder, by a rename, is the truth: where it is whole the job is
done, whatever Slurm says, and where Slurm knows no more of a job without one it is sent again,
which is harmless.

    commands   Slurm's commands, run and read
    states     Slurm's words for where a job is, and what follows from each
    files      what stands in the run folder for a batch job
    script     the batch script
    waves      what is sent at the same time, as an array
    driver     the driver
    former     batch jobs of a backend that computes elsewhere now
    allocation, steps      inside an allocation: workers as steps of it
"""
