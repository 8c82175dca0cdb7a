"""Whether a gate's angles go straight with its parameters, so that a few points tell all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qbatch.circuit.program import Expr, Gate, GateDefinition


def is_linear(definition: GateDefinition, defined: Mapping[str, GateDefinition]) -> bool:
    """Whether every angle in a definition, at any depth, is a sum of multiples of parameters.

    Args:
        definition: Of a gate of the person's own.
        defined: All of them.
    """
    return all(
        all(map(_is_straight, op.params))
        and (op.name not in defined or is_linear(defined[op.name], defined))
        and all(float(m.argument).is_integer() for m in op.modifiers)
        for op in definition.body
        if isinstance(op, Gate)
    )


def _is_straight(angle: Any) -> bool:
    if not isinstance(angle, Expr) or angle.op == "name":
        return True
    scaled = angle.op == "*" and any(not isinstance(arg, Expr) for arg in angle.args)
    divided = angle.op == "/" and not isinstance(angle.args[1], Expr)
    return (scaled or divided or angle.op in ("neg", "+", "-")) and all(
        map(_is_straight, angle.args)
    )
