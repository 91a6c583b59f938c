import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "driver"))

from driver_runs import Case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case.create(tmp_path)
