"""However a manifest is mangled, it is valid or says what is wrong: there is no third way."""

from __future__ import annotations

import re
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.errors import SourceErrors
from qbatch.manifest import parse_manifest
from tests.manifest.test_manifest import LARGE

TOKEN = re.compile(r"[\w.*/-]+|\[[^\[\]\n]*\]|\{[^{}\n]*\}|\S")
SPANS = [match.span() for match in TOKEN.finditer(LARGE)]
JUNK_LINES = """\
null
0
-1
1e999
.nan
true
no
010
'1'
pi
1/0
x
[]
{}
[1, a, null, [2]]
{a: {b: 1}}
*angles
<<
&b 1
!!str 1
!c d
? q
{target_se: 1}
x-y
file
shots
../x
"
|
- 1
\t
"""
JUNK = st.sampled_from([*JUNK_LINES.splitlines(), "", "\x07", "9" * 400])
STEPS = (
    "sweep matrix gamma 0 7 backends sim noise vars nodes with circuits grown shots exclude report "
    "plots x-a << analysis observables target metrics"
)
PATHS = st.lists(st.sampled_from([*STEPS.split(), ""]), max_size=5).map(".".join)


@settings(max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(SPANS), JUNK), min_size=1, max_size=3))
def test_any_word_may_be_replaced_by_any_junk(changes):
    text = LARGE
    for (start, end), junk in sorted(changes, reverse=True):
        text = text[:start] + junk + text[end:]
    with suppress(SourceErrors):
        parse_manifest(text)


@settings(max_examples=400)
@given(st.lists(st.tuples(PATHS, JUNK | st.text(max_size=8)).map("=".join), max_size=2))
def test_any_path_may_be_set_to_any_junk(overrides):
    with suppress(SourceErrors):
        parse_manifest(LARGE, overrides=overrides)


@settings(max_examples=100)
@given(st.integers(0, len(LARGE)))
def test_a_manifest_may_be_cut_off_anywhere(length):
    with suppress(SourceErrors):
        parse_manifest(LARGE[:length])
