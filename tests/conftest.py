"""What all tests share: where the real data sets lie, and how hard hypothesis tries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "default", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what ``make agreement`` needs."""
    parser.addoption(
        "--write-agreement", action="store_true", help="bring docs/agreement.md up to date with the parity tests"
    )


REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "realdata"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Where the real data sets lie; a test that needs them is skipped, and says so, where they are absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real data sets are not part of the repository, and not beside it here")
    return REAL_DATA
