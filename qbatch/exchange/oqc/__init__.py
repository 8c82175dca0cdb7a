"""OQC's snapshot file, as its own client writes and reads it.

format     the file, byte for byte
export     a run as such a file
adopt      such a file as a run
manifest   the manifest of a run that was adopted
"""
