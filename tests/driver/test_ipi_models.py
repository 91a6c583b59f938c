"""Real i-PI, real drivers, real Allegro models: what i-PI writes is what the ASE calculator gives."""

from pathlib import Path

import pytest
from driver_runs import MOE_TOML, Case, cli, ipi, wait_for

from moe_ipi import pretrained

REST = MOE_TOML[MOE_TOML.index("[regions]") :]
MODELS = """
[experts.complex]
path = "{path}"
key = "{complex}"
[experts.bulk]
path = "{path}"
key = "{bulk}"
"""


@pytest.fixture(params=["float64", "float32"])
def models_and_rtol(request: pytest.FixtureRequest) -> tuple[str, float]:
    if request.param == "float32":
        shipped = pretrained("pt-co").parent / "pair.nequip.zip"
        return MODELS.format(path=shipped, complex="complex", bulk="bulk"), 1e-6
    trained = request.getfixturevalue("package")
    return MODELS.format(path=trained, complex="sole_model", bulk="bulk"), 1e-10


def test_two_drivers_and_four_beads(tmp_path: Path, models_and_rtol: tuple[str, float]) -> None:
    models, rtol = models_and_rtol
    case = Case.create(tmp_path, models + REST)
    arguments = ("-c", "moe.toml", "--template", "init.xyz", "-u", "-a", case.name)
    with cli(case, *arguments) as first, cli(case, *arguments) as second:
        options = "<batch_size>2</batch_size>"
        with ipi(case, case.write_input(case.ffsocket(options=options), beads=4, steps=2)) as server:
            wait_for(server)
        for driver in (first, second):
            assert "the server said EXIT" in wait_for(driver)
    case.check_outputs(beads=4, steps=2, rtol=rtol)
