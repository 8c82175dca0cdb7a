"""qbatch: declarative batch jobs for quantum computing."""

__version__ = "0.1.0"
