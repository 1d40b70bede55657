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
from psycopg.types.json import Jsonb

from tests.support.database import Database

# The database is only read, so that examples may share it.
properties = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])

rates = st.floats(min_value=0.005, max_value=0.9)


LOSSES = (0.06, 0.12, 0.25, 0.5, 0.9)


class Recursion:
    """The e-detector trial by trial, as its article defines it."""

    def __init__(self, threshold: float, enough_to_recover: float) -> None:
        self.threshold, self.enough_to_recover = threshold, enough_to_recover
        self.evidence, self.climb = [0.0] * len(LOSSES), [0.0] * len(LOSSES)
        self.since: list[int | None] = [None] * len(LOSSES)
        self.loss: float | None = None
        self.recovery = 0.0
        self.turns: list[tuple[int, int | None, float]] = []

    def see(self, place: int, violated: bool, usual: float) -> None:
        """One trial."""
        if self.loss is not None:
            lossy = 1 - (1 - usual) * (1 - self.loss)
            self.recovery = (1 + self.recovery) * (usual / lossy if violated else 1 / (1 - self.loss))
            if self.recovery >= self.enough_to_recover and not violated:
                self.turns.append((place, self.turns[-1][1], self.loss))
                self.loss = None
            return
        for k, loss in enumerate(LOSSES):
            ratio = 1 + loss * (1 - usual) / usual if violated else 1 - loss
            self.evidence[k] = (1 + self.evidence[k]) * ratio
            if self.climb[k] == 0:
                self.since[k] = place
            self.climb[k] = max(0.0, self.climb[k] + math.log(ratio))
        if violated and math.fsum(self.evidence) / len(LOSSES) >= self.threshold:
            likeliest = max(range(len(LOSSES)), key=lambda k: self.evidence[k])
            self.loss, self.recovery = LOSSES[likeliest], 0.0
            self.turns.append((place, self.since[likeliest], self.loss))
            self.evidence, self.climb = [0.0] * len(LOSSES), [0.0] * len(LOSSES)


WALK = """
    WITH trials AS (
        SELECT
            array_agg(to_timestamp(%(begin)s + place) ORDER BY place) AS born_at,
            %(violated)s::boolean[] AS violated,
            %(usual)s::double precision[] AS usual_rates
        FROM generate_series(1, cardinality(%(violated)s::boolean[])) AS place
    ),
    settings AS (
        SELECT jsonb_populate_record(
            NULL::ghostwatch.drift_baseline,
            jsonb_build_object('threshold', %(threshold)s::float8, 'subjects_per_day', 0)
        ) AS baseline
    )
    SELECT
        to_jsonb((walk).detector),
        ARRAY(SELECT extract(EPOCH FROM turn)::integer FROM unnest((walk).turns) AS turn),
        ARRAY(SELECT extract(EPOCH FROM since)::integer FROM unnest((walk).change_points) AS since),
        coalesce((walk).losses, '{}')
    FROM (
        SELECT ghostwatch._walk_detector(
            coalesce(
                jsonb_populate_record(NULL::ghostwatch.drift_detector, %(detector)s::jsonb),
                ghostwatch._new_detector(1, '')
            ),
            s.baseline, t.born_at, t.violated, t.usual_rates, '2026-01-01'
        ) AS walk
        FROM trials AS t, settings AS s
    ) AS walked
"""


@properties
@given(
    violated=st.lists(st.sampled_from([True, False, False, False]), min_size=1, max_size=300),
    cuts=st.lists(st.integers(min_value=0, max_value=300), max_size=8),
    usual=st.tuples(rates, rates),
    threshold=st.floats(min_value=20, max_value=1e6),
)
def test_detector_equals_the_recursion(
    database: Database, violated: list[bool], cuts: list[int], usual: tuple[float, float], threshold: float
) -> None:
    """However the trials are cut into batches, and whatever is usual in their branches, the statistics are the same."""
    usual_rates = [usual[place % 2] for place in range(len(violated))]
    recursion = Recursion(threshold, 100.0)
    for place, (outcome, rate) in enumerate(zip(violated, usual_rates, strict=True), start=1):
        recursion.see(place, outcome, rate)

    detector: Any = None
    turns: list[tuple[int, int, float]] = []
    edges = sorted({0, len(violated), *(cut for cut in cuts if cut < len(violated))})
    for begin, end in itertools.pairwise(edges):
        ((detector, turned, since, losses),) = database.connection.execute(
            WALK,
            {
                "begin": begin, "violated": violated[begin:end], "usual": usual_rates[begin:end],
                "threshold": threshold, "detector": detector and Jsonb(detector),
            },
        ).fetchall()  # fmt: skip
        turns += zip(turned, since, losses, strict=True)

    # Where a statistic comes within a rounding error of its threshold either side may call it reached.
    assert turns == recursion.turns
    assert detector["trials_seen"] == len(violated)
    assert detector["evidence"] == pytest.approx(recursion.evidence, rel=1e-9)
    assert detector["climb"] == pytest.approx(recursion.climb, rel=1e-9, abs=1e-9)
    if recursion.loss is not None:
        assert detector["recovery"] == pytest.approx(recursion.recovery, rel=1e-9)


def test_a_long_healthy_stretch_neither_overflows_nor_underflows(database: Database) -> None:
    """A million healthy trials leave the evidence at its fixed point."""
    for loss in LOSSES:
        found = database.value("SELECT ghostwatch._after_healthy(1e9, %s, 1000000)", 1 - loss)
        assert found == pytest.approx((1 - loss) / loss, rel=1e-9)
        assert database.value("SELECT ghostwatch._after_healthy(0, %s, 1000000)", 1 / (1 - loss)) > 1e250


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
@given(usual=rates)
def test_the_tolerance_lies_between_the_usual_rate_and_the_smallest_loss(database: Database, usual: float) -> None:
    """Below it, evidence for the smallest loss shrinks on average."""
    ((tolerance, lossy),) = database.rows(
        "SELECT ghostwatch._tolerance(%s), ghostwatch._lossy_rate(%s, 0.06)", usual, usual
    )
    assert usual < tolerance < lossy == pytest.approx(1 - (1 - usual) * 0.94)
    drift = tolerance * math.log(lossy / usual) + (1 - tolerance) * math.log(0.94)
    assert drift == pytest.approx(0, abs=1e-9)
