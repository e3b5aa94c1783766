"""A true fall by 30 %: how long it waits until it is flagged, by the simulation that docs/targets.md shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def detection() -> ModuleType:
    """The simulation in bench/, which is no package of the tests."""
    spec = importlib.util.spec_from_file_location("detection", Path(__file__).resolve().parents[2] / "bench" / "detection.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_large_numbers_are_found_at_once_and_small_ones_hardly_ever(detection: ModuleType):
    many = detection.delays(200, 25, seed=1, only_one=False)
    assert many["team"][0] >= 0.85
    assert many["company"][0] == 1
    few = detection.delays(5, 25, seed=1, only_one=False)
    assert few["team"][-1] < 0.25  # one team with five deals a week: no rule can tell


@pytest.mark.slow
def test_the_curve_of_the_docs(detection: ModuleType):
    found = detection.delays(20, 400, seed=20, only_one=False)
    assert found["company"][0] == pytest.approx(0.81, abs=0.03)
    assert found["team"][11] == pytest.approx(0.21, abs=0.03)
    # once the weeks of the fall are among those compared with, what was not found stays unfound
    assert found["team"][11] - found["team"][5] < 0.05


def test_a_plain_rule_means_several_things(detection: ModuleType):
    """1.8 a year at 20 deals a week as code and docs read it; 4.9 against the mean of four weeks."""
    found = detection.plain_alarms(20, n_weeks=200_000)
    assert found["each week below 85 % of the week before it"] == pytest.approx(1.8, abs=0.2)
    assert found["both weeks below 85 % of the mean of the four before"] == pytest.approx(4.9, abs=0.3)
    assert detection.plain_alarms(6, n_weeks=200_000)["each week below 85 % of the week before it"] == pytest.approx(
        4.2, abs=0.3
    )
