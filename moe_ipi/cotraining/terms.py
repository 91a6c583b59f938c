"""The terms of the co-training loss, as residuals: what should be zero.

With g_ij = d e_i / d r_ij of each expert, bulk atoms those that the assignment gives to the bulk expert, and
D = complex - bulk:

``complex_energy``, ``complex_forces``, ``complex_stress``
    the complex expert on every atom against the labels: eV/atom, eV/A, eV/A^3.
``bulk_energy``, ``bulk_stress``, ``bulk_forces``
    the bulk expert against the labels: energy and stress of frames that are bulk altogether, forces on atoms
    that are bulk and have only bulk atoms within the bulk expert's cutoff.
``everywhere_forces``
    the bulk expert against the labels on every atom of every frame (eV/A), with a small coefficient: where it is not
    used it should still be sane, so that the correction, complex - bulk, is soft and few beads are enough for it.
``mixed_forces``
    forces of one energy against the labels, where atoms that must be complex, and a random ball in each frame, belong
    to the complex expert: atoms at the interface are trained as they will be used.
``agreement_energy``, ``agreement_forces``, ``agreement_stress``
    D of the energy of bulk atoms (eV/atom); of the forces on bulk atoms that all bulk atoms' energies cause (eV/A);
    of the stress of frames that are bulk altogether (eV/A^3).  Labelled frames and rattled unlabelled cells.
``agreement_seam``
    the spurious force on an atom if a random plane near it divided its surroundings between the experts (eV/A): bulk
    frames and rattled cells.  A plane (n, d) leaves on atom j the force
    ``sum_i g^D_ij [(r_i - r_j).n > d] - [d < 0] sum_k g^D_jk``.
``crystal_energy``, ``crystal_seam``, ``crystal_stress``
    the same D on strained perfect crystals, where elasticity and the spurious forces at 0 K come from.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from nequip.data import AtomicDataDict as Keys

from moe_ipi.cotraining.edges import Graph

Tensor = torch.Tensor

#: Terms that need labels, those that need none, and those made of perfect unlabelled crystals.
LABELLED_TERMS = (
    "complex_energy",
    "complex_forces",
    "complex_stress",
    "bulk_energy",
    "bulk_forces",
    "bulk_stress",
    "everywhere_forces",
    "mixed_forces",
)
AGREEMENT_TERMS = ("agreement_energy", "agreement_forces", "agreement_stress", "agreement_seam")
CRYSTAL_TERMS = ("crystal_energy", "crystal_stress", "crystal_seam")
TERMS = LABELLED_TERMS + AGREEMENT_TERMS + CRYSTAL_TERMS


def term_key(term: str) -> str:
    """Where a term's residuals stand in the output of the training module."""
    return f"moe_{term}"


@dataclass(frozen=True)
class PairOutput:
    """What both experts say of one graph: energies (N,) eV, gradients (E, 3) eV/A."""

    complex_energies: Tensor
    complex_gradients: Tensor
    bulk_energies: Tensor
    bulk_gradients: Tensor
    bulk_cutoff: float


def labelled_terms(
    graph: Graph, out: PairOutput, labels: Keys.Type, is_complex: Tensor, rng: torch.Generator
) -> dict[str, Tensor]:
    """Residuals of :data:`LABELLED_TERMS`; labels that are missing or NaN leave their residuals out.

    Args:
        graph: N labelled atoms in B frames.
        out: of that graph.
        labels: NequIP's batch, with any of total energy (B, 1), forces (N, 3), stress (B, 3, 3).
        is_complex: (N,) bool, the assignment.
        rng: draws the random partitions.
    """
    bulk_frame = graph.per_frame(is_complex.double()) == 0
    terms: dict[str, Tensor] = {}
    if Keys.TOTAL_ENERGY_KEY in labels:
        energy, count = labels[Keys.TOTAL_ENERGY_KEY].view(-1), graph.per_frame(torch.ones_like(out.complex_energies))
        terms["complex_energy"] = _known((graph.per_frame(out.complex_energies) - energy) / count)
        terms["bulk_energy"] = _known(((graph.per_frame(out.bulk_energies) - energy) / count)[bulk_frame])
    if Keys.STRESS_KEY in labels:
        stress = labels[Keys.STRESS_KEY].view(-1, 3, 3)
        terms["complex_stress"] = _known(graph.stresses(out.complex_gradients) - stress)
        terms["bulk_stress"] = _known((graph.stresses(out.bulk_gradients) - stress)[bulk_frame])
    if Keys.FORCE_KEY in labels:
        forces = labels[Keys.FORCE_KEY]
        terms["complex_forces"] = _known(graph.forces(out.complex_gradients) - forces)
        interior = ~is_complex & ~_touches(graph, is_complex, out.bulk_cutoff)
        of_bulk = graph.forces(out.bulk_gradients) - forces
        terms["bulk_forces"] = _known(of_bulk[interior])
        terms["everywhere_forces"] = _known(of_bulk)
        region = is_complex | random_balls(graph, rng)
        mixed = torch.where(region[graph.center].unsqueeze(1), out.complex_gradients, out.bulk_gradients)
        terms["mixed_forces"] = _known(graph.forces(mixed) - forces)
    return terms


def agreement_terms(graph: Graph, out: PairOutput, is_complex: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
    """Residuals of :data:`AGREEMENT_TERMS`; arguments as for :func:`labelled_terms`."""
    bulk, bulk_frame = ~is_complex, graph.per_frame(is_complex.double()) == 0
    gradients = out.complex_gradients - out.bulk_gradients
    by_bulk_atoms = gradients * bulk[graph.center].unsqueeze(1)
    return {
        "agreement_energy": (out.complex_energies - out.bulk_energies)[bulk],
        "agreement_forces": graph.forces(by_bulk_atoms)[bulk],
        "agreement_stress": graph.stresses(gradients)[bulk_frame],
        "agreement_seam": seam_forces(graph, gradients, rng)[bulk_frame[graph.frame]],
    }


def crystal_terms(graph: Graph, out: PairOutput, n_perfect: int, rng: torch.Generator) -> dict[str, Tensor]:
    """Residuals of :data:`CRYSTAL_TERMS`, of the first ``n_perfect`` atoms of ``graph`` (perfect cells)."""
    gradients = out.complex_gradients - out.bulk_gradients
    n_frames = int(graph.frame[n_perfect - 1]) + 1 if n_perfect else 0
    return {
        "crystal_energy": (out.complex_energies - out.bulk_energies)[:n_perfect],
        "crystal_stress": graph.stresses(gradients)[:n_frames],
        "crystal_seam": seam_forces(graph, gradients, rng)[:n_perfect],
    }


def random_balls(graph: Graph, rng: torch.Generator) -> Tensor:
    """(N,) bool: in each frame the atoms within a random distance of a random atom."""
    sizes = torch.bincount(graph.frame, minlength=graph.n_frames)
    device = graph.frame.device
    draw = torch.rand((2, graph.n_frames), generator=rng, dtype=torch.float64).to(device)
    middle = sizes.cumsum(0) - sizes + (draw[0] * sizes).long()
    lengths = graph.vectors.norm(dim=1)
    reach = lengths.max() * draw[1] if len(lengths) else draw[1]
    is_middle = torch.zeros(graph.n_atoms, dtype=torch.bool, device=device)
    is_middle[middle] = True
    near = is_middle[graph.center] & (lengths < reach[graph.frame[graph.center]])
    is_middle[graph.neighbor[near]] = True
    return is_middle


def seam_forces(graph: Graph, gradients: Tensor, rng: torch.Generator) -> Tensor:
    """(N, 3) eV/A: spurious forces at random planes, one plane for each atom (see the module's docstring)."""
    device = gradients.device
    normals = torch.nn.functional.normalize(torch.randn((graph.n_atoms, 3), generator=rng, dtype=torch.float64), dim=1)
    offsets = torch.rand(graph.n_atoms, generator=rng, dtype=torch.float64) - 0.5
    normals, offsets = normals.to(device), offsets.to(device)
    if len(graph.vectors):
        offsets = offsets * graph.vectors.detach().norm(dim=1).max()
    # Edge i -> j: seen from j, its centre i lies at -vector.
    beyond = -(graph.vectors * normals[graph.neighbor]).sum(1) > offsets[graph.neighbor]
    own = offsets < 0
    zeros = gradients.new_zeros((graph.n_atoms, 3))
    from_others = zeros.index_add(0, graph.neighbor, gradients * beyond.unsqueeze(1))
    from_itself = zeros.index_add(0, graph.center, gradients * own[graph.center].unsqueeze(1))
    return from_others - from_itself


def _touches(graph: Graph, chosen: Tensor, cutoff: float) -> Tensor:
    """(N,) bool: atoms with a chosen atom within the cutoff."""
    near = chosen[graph.neighbor] & (graph.vectors.norm(dim=1) < cutoff)
    touched = torch.zeros_like(chosen)
    touched[graph.center[near]] = True
    return touched


def _known(residual: Tensor) -> Tensor:
    """The residuals whose label is a number."""
    known = ~torch.isnan(residual)
    return residual if bool(known.all()) else residual[known]
