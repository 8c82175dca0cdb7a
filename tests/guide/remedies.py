"""How a message says how it is mended: the forms that its remedy may have in its text.

Mostly it follows the last semicolon. Where a message names in its own sentence what to do, what is
expected there, or what there is to choose from, that is the remedy.
"""

from __future__ import annotations

import re

from qbatch.errors import JobStateError, Misspoke

#: What a person is told to do begins with one of these.
_VERBS = (
    "add|allow|ask|choose|give|install|mend|move|name|open|order|put|qbatch|remove|rename|run|say|"
    "set|take|upgrade|use|wait|write"
)
#: A clause of its own that says what to do: after a colon, a comma, a full stop, or alone.
_IMPERATIVE = re.compile(rf"(?:^|: |[,.] |\()(?P<remedy>(?:or |[Ii]f .+?, )?(?:{_VERBS})\b .+)$")
#: ``expected ';', found 'cx'``: what is expected is what to write.
_EXPECTED = re.compile(r"^(?P<remedy>expected .+), (?P<said>found .+)$")
#: What there is to choose from, in parentheses.
_CHOICE = re.compile(
    r" \((?P<remedy>(?:NAMES\b|KINDS\b|at most |as in |one of |such as |none\b|no |nothing "
    r"|there is no|it has |it is |it takes )[^()]*)\)"
)
#: What it ought to be.
_OUGHT = re.compile(
    r"(?:[,:] )(?P<remedy>(?:(?:as in|such as|at most|only|one of|(?:\S+ )*?or --) |delay\[).+)$"
)
#: What there is, or may stand there, in the sentence itself.
_ONE_OF = re.compile(
    r"(?:\bis (?:none of|no \w+ over|no name of|neither an id nor one of) "
    r"|\bis no number and no arithmetic of "
    r"|(?:^|: )(?=the circuit has |only \S+ can )|: (?=the weight of |call it |durations are added)"
    r"|(?=\bother than \+)|\bhas to end in )(?P<remedy>.+)$"
)
#: What a message adds of what did not happen, or holds all the same: no remedy.
_ASSURANCE = re.compile(
    r"; (?:nothing (?:was|measured)|there is nothing|it bought |it has these)[^;]*$"
)
#: What is wanted there.
_WANTED = re.compile(
    r"(?P<remedy>(?:(?<=\S )(?:needs|takes|acts on|must be|must not|belongs to|can only be) "
    r"|^only ).+?)"
    r"(?=, (?:got|not) |$)|(?P<missing>\S.* (?:is|are) missing\b.*)$"
)
#: What comes before it.
_FIRST = re.compile(r"(?:: |, )(?P<remedy>[^:,]+(?:, [^:,]+)* first)$")


def parted(text: str) -> tuple[str, str]:
    """Part a message's text, without its place, into what is wrong and how to mend it.

    Returns:
        Both; the second is "" where the text names none.
    """
    if found := _ASSURANCE.search(text):
        said, remedy = parted(text[: found.start()])
        return said + found[0], remedy
    head, _, remedy = text.rpartition("; ")
    if head:
        return head, remedy
    if found := _EXPECTED.match(text):
        return found["said"], found["remedy"]
    for form in (_IMPERATIVE, _CHOICE, _OUGHT, _FIRST, _ONE_OF):
        if found := form.search(text):
            return text[: found.start()] + text[found.end() :] or text, found["remedy"]
    if found := _WANTED.search(text):
        return text, found["remedy"] or found["missing"]
    return text, ""


#: Reasons, each of which is told in a message that says what to do, whatever the reason is.
_TOLD_IN = {
    "Mismatch": "`qbatch doctor RUN` says what of it can be mended",
    "FrameError": "the point is computed again",
    "_LinkError": "the point is computed again",
    "Undelivered": "the run goes on without it",
    "FileNotFoundError": "make room, or name another place",
    "SourceErrors": "each mistake of them says so",
    "NotCounts": Misspoke.remedy,
}
#: Said with a reason that another library, the system, a cloud, a person's code or another row of
#: this list gives.
_REASONED = re.compile(
    r"^PROBLEM\b|\b(?:(?:STR)?ERROR(?:REMEDY)?|PROBLEM(?:BESIDE)?|REASON|WHY(?:_LEFT_OUT)?|NOTE|TOLD"
    r"|EXCERPT|SENTENCES|MESSAGE|REFUSED|no reason)\b\)?\W*$"
)
#: Bugs of ours, or caught where they are raised.
_NEVER_TOLD = re.compile(
    r"^(?:NODE was not checked|a job has no CHANGED to change|no number|too long"
    r"|(?:CIRCUIT: )?no value for NAMES"
    r"|fewer ranks than asked for|the length does not fit|theory of NAME)$"
)
#: Rooms of what reads clouds' answers: what they say of one is the reason why it is not understood.
_READS_ANSWERS = re.compile(
    r"providers\.(?:kit\.(?:untrusted|wire)|\w+\.(?:replies|results|jobs|documents))$"
)


def remedy_elsewhere(text: str, kind: str, room: str) -> str:
    """How a message is mended that does not say so itself; "" where nothing does."""
    if kind in _TOLD_IN:
        return _TOLD_IN[kind]
    if kind == "ValueError" and _READS_ANSWERS.match(room):
        return Misspoke.remedy
    if _NEVER_TOLD.match(text):
        return JobStateError.remedy
    if text.endswith("?"):
        return "answer, or say --yes"
    return "what follows from the reason" if _REASONED.search(text) else ""
