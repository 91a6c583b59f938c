"""The parameters of a force field, as drivers understand them."""

import pytest

from moe_ipi.inband.request import Request, RequestError, read_request


def test_parameters_of_others_and_the_memory_are_ignored() -> None:
    assert read_request({"epsilon": "1.0", "moe_memory": "m1"}) == Request()


def test_everything_that_can_be_asked_for() -> None:
    parameters = {"moe_token": "moe1.x", "moe_hamiltonian": "correction", "moe_probe": "agreement"}
    assert read_request(parameters) == Request("moe1.x", "correction", "agreement")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"moe_hamiltonain": "bulk"}, "no parameter moe_hamiltonain"),
        ({"moe_hamiltonian": "cheap"}, "moe_hamiltonian is 'cheap'.*moe, bulk, complex, correction"),
        ({"moe_probe": "speed"}, "moe_probe is 'speed'"),
    ],
)
def test_mistakes_are_named(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        read_request(parameters)
