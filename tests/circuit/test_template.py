"""Templates make circuits, and can do nothing else."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.circuit.template import CompiledTemplate
from qbatch.errors import CircuitError


def render(text, **values):
    return CompiledTemplate(text, "x.qasm.j2").render(values)


def test_arguments_are_the_names_a_template_does_not_define():
    text = "{% set a = n %}{% for i in range(k) %}{{ a + i + pi }}{% endfor %}"
    assert CompiledTemplate(text, "x").arguments == {"n", "k"}


@pytest.mark.parametrize("name", ["tau", "e", "exp", "floor", "range", "namespace"])
def test_a_name_that_nobody_gave_is_an_argument_whatever_the_language_calls_it(name):
    """P26: `delay[{{ tau }}s]` was valid, with tau = 2π."""
    template = CompiledTemplate(f"delay[{{{{ {name} }}}}s] q;", "x")
    assert template.arguments == {name}
    assert template.render({name: 0.25}) == "delay[0.25s] q;"


def test_functions_that_are_called_are_no_arguments():
    text = "{% for i in range(2) %}{{ floor(exp(n) + pi) }} {% endfor %}"
    assert CompiledTemplate(text, "x").arguments == {"n"}
    assert render(text, n=0) == "4 4 "


def test_arguments_provided_for_are_optional():
    text = "{% if a is defined %}{% set b = 1 %}{% endif %}{{ c|default(2) }}{{ b }}{{ d }}"
    template = CompiledTemplate(text, "x")
    assert template.arguments - template.optional == {"d"}
    assert template.render({"a": 0, "d": 3}) == "213"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rx({{ x }})", "rx(0.1)"),
        ("{{ 1e-7 }} {{ true }} {{ 3 // 2 }} {{ 'a' ~ 1 ~ x }}", "1e-07 true 1 a10.1"),
        (
            "{% for i in range(3) %}{{ loop.index }}{{ ',' if not loop.last else '' }}{% endfor %}",
            "1,2,3",
        ),
        ("{{ [3, 1, 2]|sort|join('-') }} {{ [1, 2]|sum }} {{ '%.3f'|format(x) }}", "1-2-3 3 0.100"),
        ("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(1) }}{{ m(a=2) }}", "<1><2>"),
        ("{{ (sin(0) + sqrt(4))|round(2) }} {{ {'s': 'sdg'}.get('s', 'x') }}", "2.0 sdg"),
        ("{% for a, b in [(0, 1), (1, 2)] %}cx {{ a }},{{ b }};{% endfor %}", "cx 0,1;cx 1,2;"),
    ],
)
def test_what_a_template_can_say(text, expected):
    assert render(text, x=0.1).replace("\n", "") == expected


def loop(rounds, body):
    return f"{{% for i in range({rounds}) %}}{body}{{% endfor %}}"


def doubling(expression, first="'a'"):
    grow = loop(60, f"{{% set n.x = {expression} %}}")
    return f"{{% set n = namespace(x={first}) %}}{grow}"


BIG = "{% set b = range(100000)|list %}{% set n = namespace(x=[]) %}"
CALLS = "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}"
CAPTURE = "{% set y %}{{ n.x }}{{ n.x }}{% endset %}{% set n.x = y %}"

MONSTERS = {
    "a huge range": loop("10**9", "x"),
    "nested loops": loop(100000, loop(100000, "")),
    "a huge text": "{{ 'a' * 10**9 }}",
    "a huge list": "{{ ([0] * 10**9)|length }}",
    "a huge power": "{{ 2**100000000 }}",
    "a huge product": "{{ (2**1000) * (2**1000) }}",
    "doubling by ~": doubling("n.x ~ n.x"),
    "doubling by +": doubling("n.x + n.x"),
    "doubling by replace": doubling("n.x|replace('a', 'aa')"),
    "doubling by nesting": doubling("[n.x, n.x]", "[1]"),
    "doubling by capture": "{% set n = namespace(x='a') %}" + loop(60, CAPTURE),
    "recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a tree of calls": CALLS,
    "a recursive loop": "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "a wide format": "{{ '%1000000000d' % 1 }}",
    "a wide filter": "{{ '%1000000000d'|format(1) }}",
    "a starred format": "{{ '%*d' % (1000000000, 1) }}",
    "a format method": "{{ '{:1000000000}'.format(1) }}",
    "a long join": "{{ range(100000)|join('z' * 100000) }}",
    "a captured flood": "{% set x %}" + loop(90000, "y" * 10000) + "{% endset %}",
    "a flood": loop(90000, "y" * 10000),
    "long searches": BIG + loop(100000, "{{ 'x' if -1 in b }}"),
    "long comparisons": BIG + loop(100000, "{{ 'x' if b == b }}"),
    "slices kept": BIG + loop(100000, "{% set n.x = n.x + [b[1:]] %}"),
    "deep parentheses": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "deep loops": "{% for a in [1] %}" * 40 + "{% endfor %}" * 40,
    "a huge number": "{{ " + "9" * 5000 + " }}",
    "an infinite number": "{{ 1e400 }}",
}


@pytest.mark.slow
@pytest.mark.parametrize("monster", MONSTERS)
def test_no_template_runs_away(monster):
    with pytest.raises(CircuitError, match=r"^x\.qasm\.j2:1: "):
        render(MONSTERS[monster])


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ range.__globals__ }}",
        "{{ namespace.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{% include '/etc/passwd' %}",
        "{% import 'x' as x %}",
        "{{ cycler }}",
        "{{ 'x'|attr('__class__') }}",
        "{{ [].append }}",
        "{{ [1, 2] }}",
    ],
)
def test_no_template_reaches_out(text):
    with pytest.raises(CircuitError):
        render(text)


def test_a_mistake_is_told_at_its_line():
    with pytest.raises(CircuitError) as caught:
        render("OPENQASM 3.0;\n{% if true %}\n  {{ m }}\n{% endif %}\n", n=1)
    assert str(caught.value) == "x.qasm.j2:3: 'm' is undefined"
    assert caught.value.excerpt == "  {{ m }}"


SCRAPS = (
    *("{{", "}}", "{%", "%}", "{#", " for i in ", "range(9)", " endfor ", " if ", " endif ", "n"),
    *("[", "]", "'", "~", "*", "**", "|", "join", "(", ")", " set x = ", ".", "9", "\n"),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(SCRAPS)).map("".join))
def test_any_text_renders_or_is_a_circuit_error(text):
    with suppress(CircuitError):
        render(text, n=1)
