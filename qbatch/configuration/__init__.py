"""Configuration: what is no part of an experiment, in the person's own file and in a project's.

Rules: a project's file travels with its repository, which may be a stranger's, so what opens doors
(hosts, credentials, engines) stands in the person's own file alone. Nothing here changes a point
or its counts. Where no file says anything, nothing heavy is loaded.
"""
