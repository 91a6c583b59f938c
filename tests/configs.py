"""Pieces of moe.toml."""

#: The analytic experts: no model file is needed.
PAIR = """
[experts.complex]
type = "pair"
parameters = "complex"
[experts.bulk]
type = "pair"
parameters = "bulk"
"""
