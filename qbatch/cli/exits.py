"""Exit codes: what each means, and which error leads to which."""

from __future__ import annotations

from enum import IntEnum

from qbatch import errors


class Exit(IntEnum):
    """What a script learns from qbatch."""

    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    INVALID = 3
    UNDECIDED = 4
    CHECKS_FAILED = 5
    NO_CONSENT = 6
    CREDENTIALS = 7
    UNREACHABLE = 8
    PENDING = 9
    INTERNAL = 70
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


#: The first class that an error is an instance of decides; a run folder that cannot be written or
#: is held by another runner leaves work pending.
_OF_ERROR: tuple[tuple[type[BaseException], Exit], ...] = (
    (errors.ConsentError, Exit.NO_CONSENT),
    (errors.SourceError, Exit.INVALID),
    (errors.SourceErrors, Exit.INVALID),
    (errors.CredentialsError, Exit.CREDENTIALS),
    (errors.Unfit, Exit.INVALID),
    (errors.Refused, Exit.SOME_FAILED),
    (errors.ProviderError, Exit.UNREACHABLE),
    (errors.SnapshotError, Exit.PENDING),
    (errors.PointsFailed, Exit.SOME_FAILED),
    (errors.SelectionError, Exit.USAGE),
    (errors.ExtraError, Exit.USAGE),
    (KeyboardInterrupt, Exit.INTERRUPTED),
)


def code_of(error: BaseException) -> Exit:
    """The exit code of an error; INTERNAL for one that qbatch never raises on purpose.

    Where all that is wrong with a manifest was put in on the command line, that is wrong; where all
    that it lacks is the person's word, that is missing.
    """
    if isinstance(error, errors.SourceErrors) and _is_refusal(error):
        return Exit.NO_CONSENT
    if isinstance(error, errors.SourceError | errors.SourceErrors) and _is_of_flags(error):
        return Exit.USAGE
    return next((code for kind, code in _OF_ERROR if isinstance(error, kind)), Exit.INTERNAL)


def _is_refusal(error: BaseException) -> bool:
    if isinstance(error, ExceptionGroup):
        return all(map(_is_refusal, error.exceptions))
    return isinstance(error, errors.ConsentError)


def _is_of_flags(error: errors.SourceError | ExceptionGroup[errors.SourceError]) -> bool:
    if isinstance(error, errors.SourceError):
        return error.place.is_flag
    return all(map(_is_of_flags, error.exceptions))
