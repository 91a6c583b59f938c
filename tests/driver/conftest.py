from pathlib import Path

import pytest
from driver_runs import Case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case.create(tmp_path)
