"""Who is told when a run ends or needs a person: ``run: {notify: …}``.

notice      what is told
hooks       who is told, once the person's permission and all secrets are at hand
delivery    telling one of them, within bounded time
notices     the notices of one call: when, each once, beside the run

Rules: a notice never delays or fails a run, and one that could not be given is told of. An end is
noted in the run folder before anybody hears of it: after any death of the process nobody hears of
the same end twice. A rehearsal tells nobody.
"""
