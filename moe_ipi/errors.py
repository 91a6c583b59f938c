"""Errors that a user can act on."""

from __future__ import annotations


class MoEError(Exception):
    """One line that names the cause and the next step.

    The command line prints it without a traceback and exits with status 1.
    """


class ConfigError(MoEError):
    """A ``moe.toml`` (or an argument that replaces one of its keys) cannot be used."""


class ModelError(MoEError):
    """A model file cannot serve as an expert."""


class StructureError(MoEError):
    """A structure, or what a client sent as one, cannot be evaluated."""
