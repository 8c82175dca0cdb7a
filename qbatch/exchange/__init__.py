"""Formats in and out: what other programs read and write.

exports    CSV, JSON, Parquet, netCDF, counts
capsule    Marqov's capsule
oqc        OQC's own snapshot file, written and read
"""
