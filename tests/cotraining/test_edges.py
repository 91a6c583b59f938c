"""Edge gradients give what NequIP's own models give, and what the potential gives under any assignment."""

import numpy as np
import pytest
import torch
from ase.build import bulk
from nequip.data import AtomicDataDict as Keys
from nequip.data.ase import from_ase
from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform
from nequip.utils.global_state import set_global_state

from moe_ipi.cotraining.edges import EdgeModel, Graph
from moe_ipi.cotraining.terms import seam_forces
from moe_ipi.experts.nequip.module import expert_from_module
from moe_ipi.potential import MoEPotential
from tests.helpers.structures import co_on_pt
from tests.helpers.tiny_models import TYPE_NAMES, allegro


def batch(*frames, cutoff=4.0):
    set_global_state()  # NequIP keeps data in float64 from here on
    steps = (ChemicalSpeciesToAtomTypeMapper(model_type_names=list(TYPE_NAMES)), NeighborListTransform(r_max=cutoff))
    data = [from_ase(atoms) for atoms in frames]
    for step in steps:
        data = [step(d) for d in data]
    return Keys.batched_from_list(data)


@pytest.fixture
def frames():
    return [co_on_pt(seed=1), co_on_pt((2, 2, 2), seed=2)]


@pytest.mark.parametrize("cutoff", [4.0, 5.0])
def test_equal_to_the_models_own_forces_and_stresses(frames, cutoff):
    model = allegro(3)
    own = model(batch(*frames))
    graph = Graph.from_data(batch(*frames, cutoff=cutoff))
    energies, gradients = EdgeModel(model, compile=False)(graph)
    torch.testing.assert_close(energies, own[Keys.PER_ATOM_ENERGY_KEY].view(-1))
    torch.testing.assert_close(graph.per_frame(energies), own[Keys.TOTAL_ENERGY_KEY].view(-1))
    torch.testing.assert_close(graph.forces(gradients), own[Keys.FORCE_KEY], atol=1e-10, rtol=1e-8)
    torch.testing.assert_close(graph.stresses(gradients), own[Keys.STRESS_KEY], atol=1e-12, rtol=1e-8)


def test_gradients_reach_the_parameters(frames):
    model = allegro(3)
    graph = Graph.from_data(batch(*frames))
    _, gradients = EdgeModel(model, compile=False)(graph)
    graph.forces(gradients).square().sum().backward()
    norms = [p.grad.norm().item() for p in model.parameters() if p.requires_grad]
    assert all(np.isfinite(norms)) and sum(n > 0 for n in norms) >= len(norms) - 1


def test_mixtures_equal_the_potential(frames):
    complex, bulk_model = allegro(3), allegro(4, cutoff=3.5)
    graph = Graph.from_data(batch(frames[0]))
    mask = np.random.default_rng(0).random(len(frames[0])) < 0.5
    e_c, g_c = EdgeModel(complex, compile=False)(graph)
    e_b, g_b = EdgeModel(bulk_model, compile=False)(graph)
    a = torch.from_numpy(mask)
    gradients = torch.where(a[graph.center].unsqueeze(1), g_c, g_b)
    potential = MoEPotential(
        expert_from_module(complex), expert_from_module(bulk_model), frames[0].get_chemical_symbols()
    )
    out = potential.evaluate(frames[0].positions[None], frames[0].cell.array[None], mask)
    np.testing.assert_allclose(torch.where(a, e_c, e_b).detach().numpy(), out.atom_energies[0], atol=1e-10)
    np.testing.assert_allclose(graph.forces(gradients).detach().numpy(), out.forces[0], atol=1e-10)
    stress = graph.stresses(gradients).detach().numpy()[0]
    np.testing.assert_allclose(stress, -out.virials[0] / frames[0].get_volume(), atol=1e-12)


def test_seam_force_is_the_spurious_force_at_a_plane():
    """In a large crystal divided by a plane, against the potential itself."""
    complex, bulk_model = allegro(3, cutoff=3.0), allegro(4, cutoff=3.0)
    atoms = bulk("Pt", a=3.977, cubic=True).repeat((4, 2, 2))
    atoms.rattle(0.05, seed=3)
    graph = Graph.from_data(batch(atoms, cutoff=3.0))
    difference = EdgeModel(complex, compile=False)(graph)[1] - EdgeModel(bulk_model, compile=False)(graph)[1]
    rng = torch.Generator().manual_seed(7)
    found = seam_forces(graph, difference, rng).detach().numpy()
    # The same draw again, atom by atom.
    rng = torch.Generator().manual_seed(7)
    normals = torch.nn.functional.normalize(torch.randn((len(atoms), 3), generator=rng, dtype=torch.float64), dim=1)
    reach = graph.vectors.norm(dim=1).max()
    offsets = ((torch.rand(len(atoms), generator=rng, dtype=torch.float64) - 0.5) * reach).numpy()
    potential = MoEPotential(expert_from_module(complex), expert_from_module(bulk_model), ["Pt"] * len(atoms))
    whole = potential.evaluate(atoms.positions[None], atoms.cell.array[None], np.ones(len(atoms), bool)).forces[0]
    for j in (0, 5, 33, 63):
        to_others = atoms.get_distances(j, np.arange(len(atoms)), mic=True, vector=True)
        is_bulk = to_others @ normals[j].numpy() > offsets[j]
        out = potential.evaluate(atoms.positions[None], atoms.cell.array[None], ~is_bulk)
        np.testing.assert_allclose(found[j], (out.forces[0] - whole)[j], atol=1e-9)
        assert np.abs(found[j]).max() > 1e-4
