"""Several force fields with drivers of their own: one energy split in two, under `moe-ipi run`."""

import os
import signal
import socket
from pathlib import Path

import numpy as np
import pytest

from moe_ipi.driver.address import Server
from moe_ipi.plugin.ipi_input import InputError, read_input
from moe_ipi.run import local_drivers
from moe_ipi.run.local_drivers import Drivers, gpus_to_share, threads_environment
from moe_ipi.threads import available_cores
from tests.helpers import inputs
from tests.helpers.case import Case
from tests.helpers.moe_ipi_run import children, end_with_all_drivers, run, step_of_restart, steps, wait_for_steps
from tests.helpers.processes import wait_for


def split(case: Case, **options: int) -> Path:
    """An input with the cheap expert on every atom, and the correction to it, in the same step."""
    fields = [
        inputs.ffsocket(name, f"{case.name}-{kind}", options=inputs.hamiltonian(kind))
        for name, kind in (("bulk", "bulk"), ("the/rest", "correction"))
    ]
    path = case.write_input("\n".join(fields), **options)
    one, both = "<force forcefield='moe'/>", "<force forcefield='bulk'/><force forcefield='the/rest'/>"
    assert one in path.read_text()
    path.write_text(path.read_text().replace(one, both))
    return path


def test_the_two_parts_are_the_whole(case: Case) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"/tmp/ipi_{case.name}-correction")
    with run(case, split(case, beads=2, steps=1_000_000), "-n", "2") as parent:
        output, done = end_with_all_drivers(case, parent, 4)
        assert not children(case)
    assert f"removed /tmp/ipi_{case.name}-correction, which a killed run had left" in output
    logs = sorted(path.name for path in case.folder.glob("out.*driver*.log"))
    assert logs == [f"out.{name}.driver-{k}.log" for name in ("bulk", "the_rest") for k in (1, 2)]
    assert all("structures evaluated" in (case.folder / log).read_text() for log in logs)
    printed = np.loadtxt(case.folder / "out.props")
    potential = case.potential()
    assignment = case.assignment()
    positions, forces = (case.frames(name, 2, done + 1) for name in ("pos", "for"))
    cells = np.repeat(case.atoms.cell.array[None], 2, axis=0)
    for k in range(done + 1):
        direct = potential.evaluate(positions[k], cells, assignment)
        np.testing.assert_allclose(printed[k, 1:3], direct.energies, rtol=1e-10)
        np.testing.assert_allclose(forces[k], direct.forces, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_a_killed_driver_of_the_second_one(case: Case) -> None:
    with run(case, split(case, steps=1_000_000)) as parent:
        wait_for_steps(case, parent, 3)
        _, second = children(case, "cli")
        os.kill(second, signal.SIGKILL)
        wait_for_steps(case, parent, steps(case)[-1] + 20)  # with a new one
        parent.send_signal(signal.SIGINT)
        output = wait_for(parent, status=130)
        assert not children(case)
    assert "driver 1 of 'the/rest' was lost: it was killed by signal 9 (SIGKILL)" in output
    assert step_of_restart(case) >= 23


def test_addresses(case: Case) -> None:
    path = split(case)
    assert read_input(path, case.folder).servers == (
        ("bulk", Server(f"{case.name}-bulk")),
        ("the/rest", Server(f"{case.name}-correction")),
    )
    text = path.read_text().replace("-correction</address>", "-bulk</address>")
    path.write_text(text.replace("mode='unix'", "mode='shm'", 1))
    with pytest.raises(InputError, match=r"'bulk' and 'the/rest' of .* the same address: give each its own <address>"):
        read_input(path, case.folder)


def test_drivers_take_the_gpus_in_turn(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "gpus" / name).mkdir(parents=True)
    monkeypatch.setattr(local_drivers, "_GPUS", tmp_path / "gpus")
    assert gpus_to_share("cpu") == gpus_to_share("cuda:1") == []
    assert gpus_to_share("cuda") == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5,GPU-8a")
    assert gpus_to_share("cuda") == ["3", "5", "GPU-8a"]
    monkeypatch.setattr(local_drivers, "_GPUS", tmp_path / "none")
    run = read_input(split(case), case.folder)
    plan = Drivers(2, case.folder / "moe.toml", case.template, gpus=gpus_to_share("cuda"))
    places = plan.places(run, case.folder, {})
    assert [place.environment["CUDA_VISIBLE_DEVICES"] for place in places] == ["3", "5", "GPU-8a", "3"]
    plain = Drivers(2, case.folder / "moe.toml", case.template).places(run, case.folder, {})
    assert not any("CUDA_VISIBLE_DEVICES" in place.environment for place in plain)


def test_all_drivers_share_the_cores(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads_environment(case.config, 1) == {"OMP_NUM_THREADS": str(available_cores())}
    assert threads_environment(case.config, 2 * available_cores()) == {"OMP_NUM_THREADS": "1"}
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads_environment(case.config, 1) == {}
