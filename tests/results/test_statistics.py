"""Intervals cover what they say; p values are those of enumeration; Holm's correction is that of its definition."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import bootstrap, norm, rankdata, t, wilcoxon

from sshbench.results.statistics import CAPPED, estimate, holm, versus, weighted_estimate


class TestIntervals:
    @pytest.mark.parametrize("n", [8, 24, 216])
    @pytest.mark.parametrize("draw", ["normal", "uniform"])
    def test_they_cover_the_mean_as_often_as_they_say(self, n: int, draw: str) -> None:
        """Of 800 samples of a known mean; with a probability of 0.95 the count's deviation is 0.8%."""
        random = np.random.default_rng(n)
        sample = random.normal(0, 1, (800, n)) if draw == "normal" else random.uniform(-1, 1, (800, n))
        found = [estimate(values, resamples=1000) for values in sample]
        covered = np.mean([one.low <= 0 <= one.high for one in found])
        assert 0.92 <= covered <= 0.98

    def test_of_skewed_values_it_leans_to_their_side(self) -> None:
        one = estimate(np.random.default_rng(0).exponential(1, 60))
        assert one.high - one.mean > one.mean - one.low

    def test_for_normal_values_it_is_students(self) -> None:
        values = np.random.default_rng(2).normal(30, 4, 30)
        one = estimate(values)
        half = t.ppf(0.975, 29) * values.std(ddof=1) / np.sqrt(30)
        assert (one.high - one.low) / 2 == pytest.approx(half, rel=0.05)

    def test_for_many_values_it_is_scipys_percentile_interval(self) -> None:
        values = np.random.default_rng(1).gamma(2, 3, 2000)
        oracle = bootstrap((values,), np.mean, method="percentile", n_resamples=4000, rng=0).confidence_interval
        one = estimate(values)
        assert (one.low, one.high) == pytest.approx((oracle.low, oracle.high), abs=0.04)

    def test_equal_values_have_no_width(self) -> None:
        one = estimate([27.91] * 12)
        assert one.low == one.mean == one.high == pytest.approx(27.91)

    def test_few_values(self) -> None:
        assert np.isnan(estimate([]).mean)
        assert estimate([]).n == 0
        one = estimate([3.0])
        assert one.mean == 3.0
        assert np.isnan(one.low)

    def test_they_say_how_many_values_they_are_of(self) -> None:
        assert [estimate(values).n for values in ([], [5.0], [5.0, 6.0])] == [0, 1, 2]
        assert [weighted_estimate([values], [1.0]).n for values in ([], [5.0], [5.0, 6.0])] == [0, 1, 2]
        assert versus([5.0], [6.0]).n == 1

    def test_infinite_psnr_counts_as_a_hundred(self) -> None:
        assert estimate([np.inf, 20.0]).mean == (CAPPED + 20) / 2
        assert versus([np.inf, 30.0], [np.inf, 20.0]).difference == 5.0

    @pytest.mark.parametrize("counts", [(8, 8, 8), (1, 11, 10, 9, 5), (1, 7, 6, 2, 2)])
    def test_weighted_ones_cover_the_weighted_mean_as_often_as_they_say(self, counts: tuple[int, ...]) -> None:
        """Of 400 samples whose parts have known means; with a probability of 0.95 the count's deviation is 1.1%."""
        random = np.random.default_rng(sum(counts))
        shares = np.arange(len(counts), 0, -1) / sum(range(len(counts) + 1))
        truth = float(shares @ np.arange(len(counts)))
        covered = []
        for _ in range(400):
            one = weighted_estimate([random.normal(k, 1, n) for k, n in enumerate(counts)], shares.tolist())
            covered.append(one.low <= truth <= one.high)
        assert 0.91 <= np.mean(covered) <= 0.99

    def test_weights_are_those_of_the_parts(self) -> None:
        one = weighted_estimate([[10.0, 20.0], [40.0, 44.0, 48.0]], [0.25, 0.75])
        assert one.mean == pytest.approx(0.25 * 15 + 0.75 * 44)
        assert one.n == 5
        assert one.low < one.mean < one.high
        alike = weighted_estimate([[1.0, 2.0, 6.0], [3.0, 5.0]], [0.6, 0.4])
        assert alike.mean == pytest.approx(estimate([1.0, 2.0, 6.0, 3.0, 5.0]).mean)

    def test_the_degrees_of_freedom_are_one_less_than_the_values(self) -> None:
        values = np.array([0.0, 1.0, 2.0, 4.0, 9.0])
        every = np.array(list(product((values - values.mean()) * np.sqrt(5 / 4), repeat=5))).mean(1)
        low = weighted_estimate([values], [1.0]).low - values.mean()
        exact, other = (np.quantile(every, norm.cdf(t.ppf(0.025, d))) for d in (4, 6))
        assert abs(low - exact) < abs(low - other) / 3

    def test_parts_without_values(self) -> None:
        assert np.isnan(weighted_estimate([[1.0, 2.0], []], [0.5, 0.5]).mean)
        assert weighted_estimate([[1.0, 3.0], []], [1.0, 0.0]).mean == 2
        singles = weighted_estimate([[1.0], [3.0]], [0.5, 0.5])
        assert singles.mean == 2
        assert np.isnan(singles.low)
        even = weighted_estimate([[2.0, 2.0], [4.0]], [0.5, 0.5])
        assert even.low == even.mean == even.high == 3

    def test_the_same_values_give_the_same_interval(self) -> None:
        values = np.random.default_rng(5).normal(size=50)
        assert estimate(values) == estimate(values.copy())


class TestWilcoxon:
    @pytest.mark.parametrize("seed", range(5))
    def test_p_is_that_of_all_signs(self, seed: int) -> None:
        """Enumerated: the share of the 2^9 choices of signs whose rank sum is as far from its middle."""
        random = np.random.default_rng(seed)
        mine, best = random.normal(0.4, 1, 9), random.normal(0, 1, 9)
        ranks = rankdata(np.abs(mine - best))
        middle = ranks.sum() / 2
        observed = abs(ranks[mine > best].sum() - middle)
        sums = [ranks[np.array(signs, bool)].sum() for signs in product((0, 1), repeat=9)]
        oracle = np.mean([abs(total - middle) >= observed - 1e-9 for total in sums])
        assert versus(mine, best).p == pytest.approx(oracle)

    def test_p_is_that_of_scipy(self) -> None:
        random = np.random.default_rng(9)
        mine, best = random.normal(27, 3, 216), random.normal(27.4, 3, 216)
        assert versus(mine, best).p == wilcoxon(mine, best).pvalue

    def test_no_difference_is_none(self) -> None:
        one = versus([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
        assert (one.difference, one.low, one.high, one.p) == (0, 0, 0, 1)

    def test_pairs_are_kept_together(self) -> None:
        """A constant offset is known exactly, however much the images differ."""
        values = np.random.default_rng(3).normal(27, 5, 40)
        one = versus(values - 0.5, values)
        assert one.low == pytest.approx(-0.5)
        assert one.high == pytest.approx(-0.5)

    def test_under_the_null_p_is_uniform(self) -> None:
        random = np.random.default_rng(4)
        small = [versus(random.normal(size=24), np.zeros(24)).p < 0.05 for _ in range(400)]
        assert 0.02 <= np.mean(small) <= 0.085


class TestHolm:
    def test_an_example_by_hand(self) -> None:
        """0.01 x 4; 0.02 x 3; 0.03 x 2 is no more than that before; 0.04 x 1 likewise."""
        assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])

    @pytest.mark.parametrize("seed", range(10))
    def test_it_rejects_what_the_step_down_procedure_rejects(self, seed: int) -> None:
        p = np.random.default_rng(seed).beta(0.3, 2, 7)
        corrected = holm(p)
        for level in (0.01, 0.05, 0.2):
            rejected = set()
            for step, i in enumerate(np.argsort(p)):
                if p[i] > level / (len(p) - step):
                    break
                rejected.add(int(i))
            assert {i for i, q in enumerate(corrected) if q <= level} == rejected

    def test_none_exceeds_one_and_none_is_none(self) -> None:
        assert holm([0.9, 0.8]) == [1.0, 1.0]
        assert holm([]) == []
