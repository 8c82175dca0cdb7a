"""What else two runs have differently is told so that the difference is seen."""

from __future__ import annotations

from qbatch.difference.facts import differing


def test_facts_that_differ_at_their_ends_show_their_ends() -> None:
    long = "instance crn:v1:bluemix:public:quantum-computing:us-east:a/emulated:emulated::, "
    here, there = ({"accounts.ibm": long + f"credential #{end}"} for end in ("aaaa", "bbbb"))
    ((name, one, other),) = differing(here, there)
    assert name == "accounts.ibm"
    assert one.startswith("…")
    assert (one[-4:], other[-4:], len(one)) == ("aaaa", "bbbb", 58)


def test_facts_that_differ_at_their_beginning_show_that() -> None:
    assert [*differing({"a": "x" * 99}, {"a": "y" * 99, "b": 1})] == [
        ("a", "x" * 57 + "…", "y" * 57 + "…"),
        ("b", "–", "1"),
    ]
