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


def interruption(error: BaseException) -> KeyboardInterrupt | SystemExit | None:
    """The Ctrl-C or signal behind an exception: numba makes a SystemError of one that arrives in compiled code."""
    cause = error.__cause__
    return cause if isinstance(cause, (KeyboardInterrupt, SystemExit)) else None


def one_line(error: BaseException) -> str:
    """What somebody else's exception says, in one line of at most 200 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
