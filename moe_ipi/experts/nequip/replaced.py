"""Parts of a model in whose place others compute the same, better suited to compilers.

Classes are found by name: a packaged model brings a copy of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch.nn import Module

#: (parent, name in it, part) -> what takes the place of the part; ``None``: it stays.
Replacement = Callable[[Any, str, Any], Module | None]


def with_replaced(model: Module, kind: str, attributes: Sequence[str], replacement: Replacement) -> Module:
    """Replace parts of a model, in place.

    Args:
        model: the model.
        kind: the name of their class.
        attributes: what a part must have to be the class that is meant.
        replacement: what takes a part's place.

    Returns:
        ``model``.
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child).__name__ == kind and all(hasattr(child, each) for each in attributes):
                new = replacement(parent, name, child)
                if new is not None:
                    setattr(parent, name, new)
    return model
