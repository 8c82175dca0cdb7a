"""Functions in files that a manifest names: ``circuits.py:build``."""

from __future__ import annotations

from pydantic import ValidationInfo

from qbatch.manifest.fields import check_path, wrong


def named_function(value: str, info: ValidationInfo) -> str:
    """See that a text names a file inside the folder and a function in it; return it.

    Raises:
        PydanticCustomError: It does not.
    """
    file, _, function = value.rpartition(":")
    if not file.endswith(".py") or not function.isidentifier():
        raise wrong("is no function in a file; write FILE.py:FUNCTION")
    check_path(file, info)
    return value
