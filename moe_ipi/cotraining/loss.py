"""The terms of the co-training loss as metrics of NequIP's ``MetricsManager``: a coefficient and a log line each."""

from __future__ import annotations

import torch
from nequip.data import AtomicDataDict as Keys
from nequip.train import MetricsManager
from nequip.train.metrics import MeanSquaredError

from moe_ipi.cotraining.terms import TERMS, term_key
from moe_ipi.errors import ConfigError


class TermMSE(MeanSquaredError):
    """Mean square of the residuals of one term; zero for a batch that has none (no bulk frame, say)."""

    def __init__(self, term: str) -> None:
        super().__init__()
        self.term = term

    def update(self, preds: Keys.Type, target: Keys.Type) -> None:
        """Take the residuals from the training module's output; ``target`` is not used."""
        residual = preds.get(term_key(self.term))
        if residual is None:
            raise ConfigError(
                f"the term '{self.term}' has a coefficient but cannot be computed: its labels, or the "
                "training module's 'unlabelled' cells, are missing from the config"
            )
        super().update(residual, torch.zeros_like(residual))

    def compute(self) -> torch.Tensor:
        """The mean square."""
        mean: torch.Tensor = self.sum / self.count.clamp(min=1)
        return mean

    def __str__(self) -> str:
        return f"{self.term}_mse"


class TermRMSE(TermMSE):
    """Root of the mean square of the residuals of one term."""

    def compute(self) -> torch.Tensor:
        """The root of the mean square."""
        return super().compute().sqrt()

    def __str__(self) -> str:
        return f"{self.term}_rmse"


def CoTrainingLoss(coeffs: dict[str, float], type_names: list[str] | None = None) -> MetricsManager:
    """The loss: a weighted sum of mean squares.

    Args:
        coeffs: coefficient of each term in use, see :mod:`moe_ipi.cotraining.terms`; NequIP divides them by their sum.
        type_names: given by NequIP.

    Raises:
        ConfigError: a term does not exist, or no term has a coefficient.
    """
    return _manager(TermMSE, {term: c for term, c in coeffs.items() if c}, type_names)


def CoTrainingMetrics(coeffs: dict[str, float | None], type_names: list[str] | None = None) -> MetricsManager:
    """What is reported: root-mean-square residuals of the terms named; those with a coefficient form ``weighted_sum``.

    Raises:
        ConfigError: a term does not exist, or none is named.
    """
    return _manager(TermRMSE, coeffs, type_names)


def _manager(
    metric: type[TermMSE], coeffs: dict[str, float | None] | dict[str, float], type_names: list[str] | None
) -> MetricsManager:
    unknown = [term for term in coeffs if term not in TERMS]
    if unknown:
        raise ConfigError(f"there is no co-training term '{unknown[0]}'; the terms are {', '.join(TERMS)}")
    if not coeffs:
        raise ConfigError(f"no co-training term has a coefficient; the terms are {', '.join(TERMS)}")
    entries = []
    for term, coeff in coeffs.items():
        instance = metric(term)
        entries.append({"name": str(instance), "metric": instance, "coeff": coeff})
    return MetricsManager(entries, type_names=type_names)
