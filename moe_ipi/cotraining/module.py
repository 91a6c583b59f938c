"""The training module of a pair, for ``nequip-train``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from hydra.utils import instantiate
from nequip.data import AtomicDataDict as Keys
from nequip.train import EMALightningModule

from moe_ipi.cotraining.assignment import ASSIGNMENT_KEY
from moe_ipi.cotraining.edges import EdgeModel, Graph
from moe_ipi.cotraining.experts import BULK, COMPLEX, check_shared_reference, cutoff_of
from moe_ipi.cotraining.labels import check_labels
from moe_ipi.cotraining.terms import PairOutput, agreement_terms, crystal_terms, labelled_terms, term_key
from moe_ipi.errors import ConfigError, ModelError

#: Validation always sees the same unlabelled cells and partitions: those of steps that training does not reach.
_VALIDATION_STEP = 1_000_000_000

_INPUTS = (
    Keys.POSITIONS_KEY,
    Keys.CELL_KEY,
    Keys.EDGE_INDEX_KEY,
    Keys.EDGE_CELL_SHIFT_KEY,
    Keys.ATOM_TYPE_KEY,
    Keys.BATCH_KEY,
    Keys.NUM_NODES_KEY,
)


class CoTrainingModule(EMALightningModule):
    """Trains two experts on the labels and on agreeing with each other.

    The model must be a ``ModuleDict`` with the keys ``complex`` and ``bulk`` (:func:`~.experts.two_experts`); ``loss``
    and metrics are :func:`~.loss.CoTrainingLoss` and :func:`~.loss.CoTrainingMetrics`; the data need
    :class:`~.assignment.AssignmentTransform` and a neighbour list with the larger of the two cutoffs.

    Args:
        agreement: who moves to make the experts agree: both (``two-sided``), or the bulk expert alone
            (``one-sided``: the complex expert sees only labels).  ``frozen``: the complex expert is a finished model
            (``frozen: [complex]`` of :func:`~.experts.two_experts`), and what it says are the labels: distillation.
        unlabelled: config of :class:`~.crystals.UnlabelledCells` (``_target_`` and arguments); None: none are used.
        compile: compile both experts with ``torch.compile`` (minutes once; worth it from some thousand steps).
        seed: of random partitions and planes.
        kwargs: of NequIP's ``EMALightningModule``.

    Raises:
        ModelError: the models cannot form a pair.
        ConfigError: an option that does not exist, or a neighbour list that is too short for the experts.
    """

    def __init__(
        self,
        agreement: Literal["two-sided", "one-sided", "frozen"] = "two-sided",
        unlabelled: dict[str, Any] | None = None,
        compile: bool = False,
        seed: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if agreement not in ("two-sided", "one-sided", "frozen"):
            raise ConfigError(f"agreement must be 'two-sided', 'one-sided' or 'frozen', not '{agreement}'")
        if set(self.model) != {COMPLEX, BULK}:
            raise ModelError(f"co-training needs the models 'complex' and 'bulk', not {', '.join(self.model)}")
        check_shared_reference(self.model[COMPLEX], self.model[BULK])
        self._one_sided, self._frozen = agreement == "one-sided", agreement == "frozen"
        if self._frozen and any(parameter.requires_grad for parameter in self.model[COMPLEX].parameters()):
            raise ConfigError("with agreement 'frozen' the model needs the argument frozen: [complex] of two_experts")
        self._cells = instantiate(unlabelled, type_names=list(self.model[COMPLEX].type_names)) if unlabelled else None
        self._compile, self._seed, self._step = compile, seed, 0
        self._cutoff = max(cutoff_of(self.model[key]) for key in (COMPLEX, BULK))
        info = kwargs.get("info_dict") or {}
        self._check_neighbor_lists(info)
        # A finished complex expert makes the labels itself.
        self._wanted: tuple[dict[str, Any], set[str]] = (
            ({}, set()) if self._frozen else (info.get("data", {}), named_terms(kwargs))
        )
        # A tuple keeps the wrappers out of the module tree, and so out of checkpoints.
        self._edge_models: tuple[EdgeModel, ...] = ()

    def _check_neighbor_lists(self, info: dict[str, Any]) -> None:
        for transform in info.get("data", {}).get("transforms", ()):
            r_max = transform.get("r_max")
            if r_max is not None and r_max < self._cutoff - 1e-9:
                raise ConfigError(
                    f"the neighbour lists of the data reach {r_max} A, but an expert's cutoff is {self._cutoff} A; "
                    "set r_max of NeighborListTransform to the larger cutoff"
                )

    def setup(self, stage: str) -> None:
        """Called by Lightning before data are used.

        Raises:
            ConfigError: they have no labels that the loss needs.
        """
        super().setup(stage)
        check_labels(*self._wanted)

    def training_step(self, batch: Keys.Type, batch_idx: int, dataloader_idx: int = 0) -> torch.Tensor:
        """One step of NequIP's training; the step number seeds what is random."""
        self._step = int(self.global_step)
        loss: torch.Tensor = super().training_step(batch, batch_idx, dataloader_idx)
        return loss

    def validation_step(self, batch: Keys.Type, batch_idx: int, dataloader_idx: int = 0) -> None:
        """See NequIP's module."""
        self._step = _VALIDATION_STEP + batch_idx
        super().validation_step(batch, batch_idx, dataloader_idx)

    def test_step(self, batch: Keys.Type, batch_idx: int, dataloader_idx: int = 0) -> None:
        """See NequIP's module."""
        self._step = _VALIDATION_STEP + batch_idx
        super().test_step(batch, batch_idx, dataloader_idx)

    def forward(self, inputs: Keys.Type) -> Keys.Type:
        """Residuals of all terms that the batch allows, under the keys of :func:`~.terms.term_key`."""
        if ASSIGNMENT_KEY not in inputs:
            raise ConfigError("the data have no assignment; add moe_ipi.cotraining.AssignmentTransform to transforms")
        labelled = {k: inputs[k] for k in _INPUTS if k in inputs}
        labelled = Keys.with_batch_(labelled)
        labelled[Keys.CELL_KEY] = labelled[Keys.CELL_KEY].view(-1, 3, 3)
        labelled[Keys.ATOM_TYPE_KEY] = labelled[Keys.ATOM_TYPE_KEY].view(-1)
        step = self._step
        rng = torch.Generator().manual_seed((self._seed << 32) + step)
        is_complex = inputs[ASSIGNMENT_KEY].view(-1).bool()
        packed, n_perfect, n_labelled = labelled, 0, len(is_complex)
        if self._cells is not None:
            cells, n_perfect = self._cells.draw(step, self._cutoff, is_complex.device)
            packed = Keys.batched_from_list([{k: cells[k] for k in labelled}, labelled])
        whole = Graph.from_data(packed)
        out = self._evaluate(whole)

        # Order of the atoms: perfect cells, rattled cells, labelled frames.
        seen = with_fixed_complex(out) if self._one_sided else out
        terms: dict[str, torch.Tensor] = {}
        n_cells = whole.n_atoms - n_labelled
        part, part_out = _after(whole, out, n_cells)
        labels = labels_of_complex(part, part_out) if self._frozen else inputs
        terms |= labelled_terms(part, part_out, labels, is_complex, rng)
        part, part_out = _after(whole, seen, n_perfect)
        on_cells = is_complex.new_zeros(n_cells - n_perfect)
        terms |= agreement_terms(part, part_out, torch.cat([on_cells, is_complex]), rng)
        if n_perfect:
            terms |= crystal_terms(whole, seen, n_perfect, rng)
        return {term_key(name): residual for name, residual in terms.items()}

    def _evaluate(self, graph: Graph) -> PairOutput:
        if not self._edge_models:
            self._edge_models = tuple(EdgeModel(self.model[key], compile=self._compile) for key in (COMPLEX, BULK))
        complex, bulk = self._edge_models
        return PairOutput(*complex(graph), *bulk(graph), bulk_cutoff=bulk.cutoff)


def named_terms(config: dict[str, Any]) -> set[str]:
    """The terms that the loss and the metrics of a training module's config compute."""
    loss = {term for term, coeff in ((config.get("loss") or {}).get("coeffs") or {}).items() if coeff}
    kinds = ("train_metrics", "val_metrics", "test_metrics")
    return loss.union(*((config.get(kind) or {}).get("coeffs") or {} for kind in kinds))


def labels_of_complex(graph: Graph, out: PairOutput) -> Keys.Type:
    """What the complex expert says of frames, as labels: total energy (B, 1), forces (N, 3), stress (B, 3, 3)."""
    return {
        Keys.TOTAL_ENERGY_KEY: graph.per_frame(out.complex_energies).view(-1, 1),
        Keys.FORCE_KEY: graph.forces(out.complex_gradients),
        Keys.STRESS_KEY: graph.stresses(out.complex_gradients),
    }


def with_fixed_complex(out: PairOutput) -> PairOutput:
    """``out`` with a complex expert that does not move."""
    return replace(
        out,
        complex_energies=out.complex_energies.detach(),
        complex_gradients=out.complex_gradients.detach(),
    )


def _after(graph: Graph, out: PairOutput, first: int) -> tuple[Graph, PairOutput]:
    """The frames that begin at atom ``first``, without what is before."""
    if first == 0:
        return graph, out
    first_frame = int(graph.frame[first - 1]) + 1
    edges = graph.center >= first
    part = Graph(
        data={},
        vectors=graph.vectors[edges],
        center=graph.center[edges] - first,
        neighbor=graph.neighbor[edges] - first,
        frame=graph.frame[first:] - first_frame,
        volumes=graph.volumes[first_frame:],
    )
    part_out = PairOutput(
        out.complex_energies[first:],
        out.complex_gradients[edges],
        out.bulk_energies[first:],
        out.bulk_gradients[edges],
        out.bulk_cutoff,
    )
    return part, part_out
