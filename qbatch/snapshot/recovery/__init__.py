"""A damaged run folder: what is whole of it is read, where its jobs stand is rebuilt from that, and
what cannot be proved is held. For `qbatch doctor`.

`pages` makes one file of the damaged ones, `tables` reads its whole rows, `rebuild` decides, and
`repair` puts the result in place.
"""
