"""Energies of atoms and gradients of edges: what every term of the loss is made of.

The energy of an atom of a strictly local model depends on the edges that start at it and on nothing else.  So one
backward pass gives d e_i / d r_ij of *every* edge, and forces of any mixture of two experts are sums of such
gradients: many partitions of a frame cost no more than one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from nequip.data import AtomicDataDict as Keys
from nequip.nn import GraphModel
from nequip.nn.compile import CompileGraphModel

from moe_ipi.cotraining.experts import cutoff_of
from moe_ipi.errors import ModelError
from moe_ipi.experts.nequip.internals import GraphModuleMixin

Tensor = torch.Tensor

_INPUTS = (
    Keys.POSITIONS_KEY,
    Keys.CELL_KEY,
    Keys.EDGE_INDEX_KEY,
    Keys.EDGE_VECTORS_KEY,
    Keys.ATOM_TYPE_KEY,
    Keys.BATCH_KEY,
    Keys.NUM_NODES_KEY,
)


@dataclass(frozen=True)
class Graph:
    """Frames packed into one graph: N atoms in B frames, with E edges from ``center`` to ``neighbor``.

    Attributes:
        data: NequIP's dictionary of inputs, edge vectors included.
        vectors: (E, 3) A, from centre to neighbour.
        center, neighbor: (E,) atoms.
        frame: (N,) frame of each atom.
        volumes: (B,) A^3.
    """

    data: Keys.Type
    vectors: Tensor
    center: Tensor
    neighbor: Tensor
    frame: Tensor
    volumes: Tensor

    @classmethod
    def from_data(cls, data: Keys.Type) -> Graph:
        """The graph of a batch that has positions (A), cells, and a neighbour list."""
        batch = Keys.with_batch_(dict(data))
        center, neighbor = batch[Keys.EDGE_INDEX_KEY]
        frame, cells = batch[Keys.BATCH_KEY], batch[Keys.CELL_KEY].view(-1, 3, 3)
        positions = batch[Keys.POSITIONS_KEY]
        images = torch.einsum("ea,eab->eb", batch[Keys.EDGE_CELL_SHIFT_KEY], cells[frame[center]])
        vectors = positions[neighbor] - positions[center] + images
        batch = {k: batch[k] for k in _INPUTS if k in batch} | {Keys.EDGE_VECTORS_KEY: vectors}
        return cls(batch, vectors, center, neighbor, frame, torch.linalg.det(cells).abs())

    @property
    def n_atoms(self) -> int:
        return len(self.frame)

    @property
    def n_frames(self) -> int:
        return len(self.volumes)

    def per_frame(self, values: Tensor) -> Tensor:
        """(B, ...) sums over the atoms of each frame of ``values`` (N, ...)."""
        return values.new_zeros((self.n_frames, *values.shape[1:])).index_add(0, self.frame, values)

    def forces(self, gradients: Tensor) -> Tensor:
        """(N, 3) eV/A from gradients (E, 3) of atoms' energies: F_k = sum_j g_kj - sum_i g_ik."""
        zeros = gradients.new_zeros((self.n_atoms, 3))
        return zeros.index_add(0, self.center, gradients).index_add(0, self.neighbor, -gradients)

    def stresses(self, gradients: Tensor) -> Tensor:
        """(B, 3, 3) eV/A^3 from gradients (E, 3): dE/d(strain) / V, symmetric; ASE's sign."""
        outer = self.vectors.unsqueeze(2) * gradients.unsqueeze(1)
        sums = outer.new_zeros((self.n_frames, 3, 3)).index_add(0, self.frame[self.center], outer)
        return 0.5 * (sums + sums.transpose(1, 2)) / self.volumes.view(-1, 1, 1)


class _EdgeGradients(GraphModuleMixin, torch.nn.Module):
    """An energy model with its gradient with respect to edge vectors, which can itself be differentiated if wanted."""

    def __init__(self, energy_model: GraphModuleMixin, *, differentiable: bool) -> None:
        super().__init__()
        self.func = energy_model
        self.differentiable = differentiable
        irreps = {Keys.EDGE_FORCE_KEY: "1o"}
        self._init_irreps(irreps_in=energy_model.irreps_in, irreps_out=irreps)  # type: ignore[operator]

    def forward(self, data: Keys.Type) -> Keys.Type:
        vectors = data[Keys.EDGE_VECTORS_KEY].detach().requires_grad_(True)
        energies = self.func(data | {Keys.EDGE_VECTORS_KEY: vectors})[Keys.PER_ATOM_ENERGY_KEY]
        gradients = torch.autograd.grad([energies.sum()], [vectors], create_graph=self.differentiable)[0]
        if not self.differentiable:
            energies = energies.detach()
        return {Keys.PER_ATOM_ENERGY_KEY: energies, Keys.EDGE_FORCE_KEY: gradients}


class EdgeModel:
    """A model of a pair, evaluated for its atoms' energies and edges' gradients; parameters stay the model's.

    Args:
        model: a strictly local ``GraphModel``.  If none of its parameters is trained, what comes out has no
            derivatives, and costs less.
        compile: compile with ``torch.compile``, as NequIP's ``compile_mode: compile`` does.

    Raises:
        ModelError: the model's energy cannot be told from its derivatives.
    """

    def __init__(self, model: GraphModel, *, compile: bool) -> None:
        energy_model = getattr(model.model, "func", None)
        if energy_model is None:
            raise ModelError("co-training needs models that compute forces: leave do_derivatives at its default")
        wrapper = CompileGraphModel if compile else GraphModel
        # Not a submodule of the training module: checkpoints hold each parameter once.
        differentiable = any(parameter.requires_grad for parameter in model.parameters())
        self._model = wrapper(_EdgeGradients(energy_model, differentiable=differentiable))
        self._model.model_dtype = model.model_dtype
        self.cutoff = cutoff_of(model)

    def __call__(self, graph: Graph) -> tuple[Tensor, Tensor]:
        """Energies (N,) eV and gradients (E, 3) eV/A; edges beyond the cutoff have none."""
        inside = graph.vectors.square().sum(1) < self.cutoff**2
        data = dict(graph.data)
        data[Keys.EDGE_INDEX_KEY] = data[Keys.EDGE_INDEX_KEY][:, inside]
        data[Keys.EDGE_VECTORS_KEY] = graph.vectors[inside]
        with torch.enable_grad():
            out = self._model(data)
        gradients = out[Keys.EDGE_FORCE_KEY].to(graph.vectors.dtype)
        if not inside.all():
            index = inside.nonzero().squeeze(1)
            gradients = gradients.new_zeros(graph.vectors.shape).index_add(0, index, gradients)
        return out[Keys.PER_ATOM_ENERGY_KEY].view(-1).to(graph.vectors.dtype), gradients
