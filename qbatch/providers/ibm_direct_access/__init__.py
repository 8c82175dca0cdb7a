"""IBM Quantum System REST API ("Direct Access").

driver     the protocol: one sampler job is one composite job
options    what a person may write under ``options``
replies    what the service answers, read and checked
storage    the S3-compatible bucket that programs and results travel through
"""
