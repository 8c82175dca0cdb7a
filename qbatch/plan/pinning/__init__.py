"""A plan held against what was: a lock file, a saved plan, a run folder.

lock      ``qbatch.lock``
saved     ``plan -o FILE`` and ``run --plan FILE``
revision  the git commit, branch and changes beside it
reasons   why each point would run, or not
had       what a run folder has of a point's shots
former    ids of a former kind
"""
