"""Reads PromQL apart from the code that writes it: which series an expression selects, and how it is built."""

import re

import promql_parser

GRAFANA = {"$__rate_interval": "1m", "$__interval": "30s", "$__range": "1h"}


def parsed(expr):
    """The tree of an expression as Grafana would send it."""
    for variable, value in GRAFANA.items():
        expr = expr.replace(variable, value)
    return promql_parser.parse(expr)


def nodes(tree):
    """The tree and all that is below it."""
    yield tree
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        below = getattr(tree, name, None)
        if below is not None and not isinstance(below, str):
            yield from nodes(below)
    for below in getattr(tree, "args", ()):
        yield from nodes(below)


def selectors(expr):
    """Name of the series, and its matchers as (label, operator, value), of each selector."""
    for node in nodes(parsed(expr)):
        if isinstance(node, promql_parser.VectorSelector):
            found = [(m.name, str(m.op), m.value) for m in node.matchers.matchers]
            yield node.name, found


def ranged(expr):
    """Name of the series of each function over a range, and the function."""
    for node in nodes(parsed(expr)):
        if isinstance(node, promql_parser.Call):
            for argument in node.args:
                if isinstance(argument, promql_parser.MatrixSelector):
                    yield argument.vector_selector.name, node.func.name


def windows(expr):
    """The ranges as they are written."""
    return re.findall(r"\[([^\]]+)\]", expr)
