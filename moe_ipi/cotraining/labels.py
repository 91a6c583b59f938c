"""Do the training data have the labels that the terms of the loss need?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import ase.io
from nequip.data import AtomicDataDict as Keys
from nequip.data.ase import from_ase

from moe_ipi.cotraining.terms import LABELLED_TERMS
from moe_ipi.errors import ConfigError
from moe_ipi.labels import guessed, quantities

#: The last word of a term, what its label is called by NequIP, and what is in most names of it.
_NEEDED = {"energy": (Keys.TOTAL_ENERGY_KEY, "energy"), "forces": (Keys.FORCE_KEY, "force")}
_NEEDED |= {"stress": (Keys.STRESS_KEY, "stress")}
_FILES = ("train_file_path", "val_file_path", "test_file_path")


def check_labels(data: Mapping[str, Any], terms: Collection[str]) -> None:
    """Look at the first frame of every file of NequIP's ``ASEDataModule``; other data are not looked at.

    Args:
        data: the config of the data module.
        terms: those that are computed.

    Raises:
        ConfigError: a frame lacks a label: the names that it has are said, and how to name it.
    """
    if not str(data.get("_target_", "")).endswith(".ASEDataModule"):
        return
    labelled = [term for term in LABELLED_TERMS if term in terms]
    words = [word for word in _NEEDED if any(term.endswith(f"_{word}") for term in labelled)]
    options = {key: data.get(key) for key in ("key_mapping", "include_keys", "exclude_keys")}
    for path in (path for key in _FILES for path in _listed(data.get(key))):
        frame = ase.io.read(path, index=0, **(data.get("ase_args") or {}))
        assert not isinstance(frame, list)
        there = from_ase(frame, **options)
        missing = [word for word in words if _NEEDED[word][0] not in there]
        if missing:
            found = quantities(frame)
            known = guessed({_NEEDED[word][1]: _NEEDED[word][0] for word in missing}, found)
            mapping = ", ".join(f"{n}: {label}" for n, label in {**(data.get("key_mapping") or {}), **known}.items())
            needing = ", ".join(term for term in labelled if term.rpartition("_")[2] == "stress")
            raise ConfigError(
                f"the first frame of '{path}' has no {' and no '.join(missing)}; it has "
                f"{', '.join(sorted(found)) or 'none of any name'}: say which is which in the config of the training, "
                f"such as key_mapping: {{{mapping}}}"
                + (f"; without stresses remove the terms {needing}" if "stress" in missing else "")
            )


def _listed(paths: str | list[str] | None) -> list[str]:
    return [] if paths is None else [paths] if isinstance(paths, str) else list(paths)
