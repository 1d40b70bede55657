"""The statistics in SQL against SciPy's and against straightforward Python."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import scipy.special
import scipy.stats
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.database import Database

# The database is only read, so that examples may share it.
properties = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])

rates = st.floats(min_value=0.005, max_value=0.9)


@properties
@given(
    violated=st.lists(st.booleans(), max_size=200),
    cuts=st.lists(st.integers(min_value=0, max_value=200), max_size=8),
    usual=rates,
    step=st.floats(min_value=0.02, max_value=0.98),
    start=st.floats(min_value=0, max_value=5),
)
def test_cusum_equals_the_recursive_one(
    database: Database, violated: list[bool], cuts: list[int], usual: float, step: float, start: float
) -> None:
    """However the trials are cut into batches, S and the place where it last was 0 come out the same."""
    sought = usual + (1 - usual) * step
    ghost, healthy = math.log(sought / usual), math.log((1 - sought) / (1 - usual))

    score, last_zero = start, None
    for place, is_ghost in enumerate(violated, start=1):
        score = max(0.0, score + (ghost if is_ghost else healthy))
        last_zero = place if score == 0 else last_zero

    carried, carried_zero = start, None
    edges = sorted({0, len(violated), *(cut for cut in cuts if cut < len(violated))})
    for begin, end in itertools.pairwise(edges):
        ((carried, minimum_at, alarm_at),) = database.rows(
            "SELECT * FROM ghostwatch._cusum(%s::boolean[], %s, %s, %s, 1e9)",
            violated[begin:end], ghost, healthy, carried,
        )  # fmt: skip
        assert alarm_at is None
        carried_zero = carried_zero if minimum_at is None else begin + minimum_at

    assert carried == pytest.approx(score, abs=1e-9)
    # Where S comes within a rounding error of 0 either side may call it 0.
    if carried_zero != last_zero:
        assert score < 1e-9 or min(carried, score) > 0


@properties
@given(violated=st.lists(st.booleans(), min_size=1, max_size=200), threshold=st.floats(min_value=0.5, max_value=15))
def test_cusum_stops_at_the_first_alarm(database: Database, violated: list[bool], threshold: float) -> None:
    """The alarm is at the first trial where S reaches the threshold, and S is what it was there."""
    ghost, healthy = math.log(0.24 / 0.09), math.log(0.76 / 0.91)
    score, alarm_at = 0.0, None
    for place, is_ghost in enumerate(violated, start=1):
        score = max(0.0, score + (ghost if is_ghost else healthy))
        if score >= threshold:
            alarm_at = place
            break
    ((found_score, _, found_at),) = database.rows(
        "SELECT * FROM ghostwatch._cusum(%s, %s, %s, 0, %s)", violated, ghost, healthy, threshold
    )
    assert found_at == alarm_at
    assert found_score == pytest.approx(score, abs=1e-9)


@properties
@given(x=st.floats(min_value=1e-3, max_value=1e6))
def test_log_gamma_equals_scipys(database: Database, x: float) -> None:
    """To 12 digits, and near its zeros at 1 and 2 to 1e-13."""
    found = database.value("SELECT ghostwatch._log_gamma(%s)", x)
    assert found == pytest.approx(scipy.special.gammaln(x), rel=1e-12, abs=1e-13)


@properties
@given(
    trials=st.integers(min_value=0, max_value=3000),
    share=st.floats(min_value=0, max_value=1),
    alpha=st.floats(min_value=1, max_value=5000),
    beta=st.floats(min_value=1, max_value=5000),
)
def test_beta_binomial_tail_equals_scipys(
    database: Database, trials: int, share: float, alpha: float, beta: float
) -> None:
    """Upper tails from 1 down to the smallest that matter."""
    events = round(trials * share)
    found = database.value("SELECT ghostwatch._beta_binomial_upper(%s, %s, %s, %s)", events, trials, alpha, beta)
    probabilities = scipy.stats.betabinom.pmf(range(events, trials + 1), trials, alpha, beta)
    assert found == pytest.approx(min(1.0, math.fsum(probabilities)), rel=1e-7, abs=1e-10)


@properties
@given(trials=st.integers(min_value=1, max_value=10**6), share=st.floats(min_value=0, max_value=1))
def test_wilson_bound_equals_scipys(database: Database, trials: int, share: float) -> None:
    """The upper end of the two-sided 80 % interval is the one-sided 90 % bound."""
    events = round(trials * share)
    interval = scipy.stats.binomtest(events, trials).proportion_ci(confidence_level=0.8, method="wilson")
    found = database.value("SELECT ghostwatch._wilson_upper(%s, %s)", events, trials)
    assert found == pytest.approx(interval.high, abs=1e-9)


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down correction, step by step."""
    corrected = [0.0] * len(p_values)
    worst = 0.0
    for step, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        worst = max(worst, min(1.0, p_values[place] * (len(p_values) - step)))
        corrected[place] = worst
    return corrected


@properties
@given(p_values=st.lists(st.floats(min_value=0, max_value=1), max_size=12))
def test_holm_equals_step_by_step(database: Database, p_values: list[float]) -> None:
    """In the order in which the p-values were given."""
    found: Any = database.value("SELECT ghostwatch._holm(%s::double precision[])", p_values)
    assert found == pytest.approx(holm(p_values), abs=1e-12)


@properties
@given(usual=rates, step=st.floats(min_value=0.1, max_value=0.9), share=st.floats(min_value=0, max_value=0.95))
def test_weight_scale_is_lundbergs_exponent(database: Database, usual: float, step: float, share: float) -> None:
    """Under the rate to be let pass the scaled weights are what the plain ones are under the usual rate."""
    sought = usual + (1 - usual) * step
    ghost, healthy = math.log(sought / usual), math.log((1 - sought) / (1 - usual))
    rate = usual + share * (-healthy / (ghost - healthy) - usual)
    scale = database.value("SELECT ghostwatch._weight_scale(%s, %s, %s)", ghost, healthy, rate)
    assert 0 < scale <= 1
    assert rate * math.exp(scale * ghost) + (1 - rate) * math.exp(scale * healthy) == pytest.approx(1, abs=1e-9)
    if share == 0:
        assert scale == pytest.approx(1, abs=1e-6)


@properties
@given(usual=rates, quiet_below=rates, detector=st.sampled_from(["slow", "outage", "branch"]))
def test_rate_sought_keeps_its_tolerance(database: Database, usual: float, quiet_below: float, detector: str) -> None:
    """Every detector looks for a rate above the usual one and stays quiet up to where it must."""
    usual = min(usual, 0.6) if detector == "branch" else usual
    ((sought, tolerance),) = database.rows(
        """SELECT sought.rate, (ghostwatch._cusum_weights(%s, sought.rate)).tolerance
           FROM ghostwatch._alternative_rate(%s, %s, 0.8, %s) AS sought (rate)""",
        usual, detector, usual, quiet_below,
    )  # fmt: skip
    assert usual < tolerance < sought < 1
    assert tolerance >= quiet_below - 1e-9 or sought == pytest.approx(0.999)
