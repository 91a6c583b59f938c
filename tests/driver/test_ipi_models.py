"""Real i-PI, real drivers, real Allegro models: what i-PI writes is what the ASE calculator gives."""

from pathlib import Path

import pytest

from moe_ipi import pretrained
from tests.helpers.case import Case
from tests.helpers.configs import FOR_RUNS, models
from tests.helpers.processes import driver_process, ipi, wait_for, wait_until_ready


@pytest.fixture(params=["float64", pytest.param("float32", marks=pytest.mark.slow)])
def models_and_rtol(request: pytest.FixtureRequest) -> tuple[str, float]:
    if request.param == "float32":
        shipped = pretrained("pt-co").parent / "pair.nequip.zip"
        return models(shipped, "complex", "bulk"), 1e-6
    trained = request.getfixturevalue("package")
    return models(trained, "sole_model", "bulk"), 1e-10


def test_two_drivers_and_four_beads(tmp_path: Path, models_and_rtol: tuple[str, float]) -> None:
    experts, rtol = models_and_rtol
    case = Case.create(tmp_path, experts + FOR_RUNS)
    arguments = ("-c", "moe.toml", "--template", "init.xyz", "-u", "-a", case.name)
    with driver_process(case, *arguments) as first, driver_process(case, *arguments) as second:
        wait_until_ready(first, second)
        options = "<batch_size>2</batch_size>"
        with ipi(case, case.write_input(case.ffsocket(options=options), beads=4, steps=2)) as server:
            wait_for(server)
        for driver in (first, second):
            assert "the server said EXIT" in wait_for(driver)
    case.check_outputs(beads=4, steps=2, rtol=rtol)
