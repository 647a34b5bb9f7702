"""Every statistic equals an independent one: of choix, statsmodels, krippendorff, scipy, sureal, or by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from sshbench.study.agreement import agreements, kendall, spearman
from sshbench.study.opinion import bootstrap_means, differences, draw, means, opinion, score_differences
from sshbench.study.power import Components, components, subjects_for
from sshbench.study.preference import fit, preference, win_matrix
from sshbench.study.reliability import alpha, bt500, screen, steadiness
from sshbench.study.responses import Responses

Floats = NDArray[np.float64]
PAIRS = list(combinations(range(4), 2))


def votes_of(seed: int, shape: tuple[int, ...] = (12, 8), ties: bool = True) -> Floats:
    """Votes `[S, I, 6, 3]` of four methods that are apart."""
    random = np.random.default_rng(seed)
    quality = np.array([1.0, 0.4, -0.2, -0.9])
    votes = np.zeros((*shape, len(PAIRS), 3))
    for place, (a, b) in enumerate(PAIRS):
        apart = quality[a] - quality[b] + random.logistic(size=shape)
        edge = 0.5 if ties else 0.0
        outcome = np.where(apart > edge, 0, np.where(apart < -edge, 2, 1))
        np.put_along_axis(votes[:, :, place], outcome[..., None], 1, -1)
    return votes


def asked(scores: Floats, design: str = "acr", votes: Floats | None = None) -> Responses:
    s, i, m = scores.shape
    names = tuple(f"m{k}" for k in range(m)), tuple(f"i{k}" for k in range(i)), tuple(range(s))
    empty = tuple(np.full(3, 5.0) for _ in range(s))
    nothing = np.zeros((s, i, m * (m - 1) // 2, 3)) if votes is None else votes
    rest = tuple((2, 2) for _ in range(s)), tuple(() for _ in range(s)), (9,) * s, (9,) * s
    return Responses(design, *names, scores, nothing, empty, *rest, tuple(combinations(range(m), 2)))


# ------------------------------------------------------------- mean opinion scores


def test_means_and_differences_by_hand() -> None:
    scores = np.array([[[4, 1], [3, 2]], [[2, np.nan], [3, 0]]], np.float64)
    np.testing.assert_allclose(means(scores), [3.0, 1.0])
    (one,) = score_differences(scores)
    assert one.value == 2.0


def test_the_two_way_bootstrap_draws_subjects_and_images() -> None:
    random = np.random.default_rng(1)
    scores = random.integers(0, 5, (6, 4, 3)).astype(float)
    scores[2, 1, 0] = np.nan
    draws = draw(6, 4, 50, seed=3)
    assert (draws.subjects.sum(1) == 6).all()
    assert (draws.images.sum(1) == 4).all()
    for b, found in enumerate(bootstrap_means(scores, draws)):
        repeated = np.repeat(np.repeat(scores, draws.subjects[b].astype(int), 0), draws.images[b].astype(int), 1)
        np.testing.assert_allclose(found, np.nanmean(repeated, (0, 1)))


def test_the_variance_is_that_of_the_pigeonhole_bootstrap() -> None:
    """Owen 2007, equation 4.5 with all cells filled: the sums of mean squares of the two-way layout."""
    random = np.random.default_rng(2)
    y = random.normal(0, 1, (30, 1)) + random.normal(0, 1.5, (1, 20)) + random.normal(0, 2, (30, 20))
    s, i = y.shape
    mean = y.mean()
    rows, columns = y.mean(1) - mean, y.mean(0) - mean
    by_rows, by_columns = (rows**2).mean() / s, (columns**2).mean() / i
    rest = ((y - mean - rows[:, None] - columns) ** 2).mean() / (s * i)
    drawn = bootstrap_means(y[..., None], draw(s, i, 20_000, 0))
    assert drawn.var() == pytest.approx(by_rows + by_columns + rest, rel=0.03)


def test_an_interval_of_images_alone_is_about_students() -> None:
    """Where subjects agree, an interval has to be that of the images' means."""
    values = np.random.default_rng(4).normal(2, 1, 20)
    scores = np.tile(values[None, :, None], (25, 1, 1))
    (found,) = opinion(scores, resamples=20_000)
    low, high = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.06)


def test_p_is_of_a_t_test_where_images_alone_differ() -> None:
    values = np.random.default_rng(5).normal(0.4, 1, (15, 2))
    scores = np.tile(values[None], (40, 1, 1))
    (one,) = score_differences(scores, resamples=20_000)
    assert one.p == pytest.approx(stats.ttest_1samp(values[:, 0] - values[:, 1], 0).pvalue, rel=0.1)


def test_holm_is_over_all_pairs() -> None:
    from statsmodels.stats.multitest import multipletests

    scores = np.random.default_rng(6).integers(0, 5, (20, 10, 4)) + np.array([0, 0.3, 0.6, 0.8])
    found = score_differences(scores)
    assert len(found) == 6
    expected = multipletests([one.p for one in found], method="holm")[1]
    np.testing.assert_allclose([one.corrected for one in found], expected)


def test_nothing_can_be_said_of_one_subject_or_one_image() -> None:
    for shape in ((1, 5, 2), (5, 1, 2)):
        for one in opinion(np.random.default_rng(0).random(shape)):
            assert np.isfinite(one.mean)
            assert np.isnan(one.low)
    (same,) = differences(np.array([1.0, 1.0]), np.ones((500, 2)), 5)
    assert (same.p, same.low, same.high) == (1.0, 0.0, 0.0)


# ------------------------------------------------------------- Bradley and Terry


def test_without_ties_scores_are_those_of_choix() -> None:
    choix = pytest.importorskip("choix")
    votes = votes_of(0, ties=False)
    wins, ties = win_matrix(votes, PAIRS, 4)
    scores, threshold = fit(votes.sum((0, 1))[None], PAIRS, 4)
    assert threshold[0] == 0 == ties.sum()
    np.testing.assert_allclose(scores[0], choix.ilsr_pairwise_dense(wins), atol=1e-3)
    data = [(a, b) for a in range(4) for b in range(4) for _ in range(int(wins[a, b]))]
    np.testing.assert_allclose(scores[0], choix.opt_pairwise(4, data, alpha=0.005), atol=1e-3)


def test_with_ties_scores_are_those_of_an_ordered_logit() -> None:
    """Rao and Kupper's model is statsmodels' OrderedModel with edges that lie symmetrically."""
    pandas, ordinal = pytest.importorskip("pandas"), pytest.importorskip("statsmodels.miscmodels.ordinal_model")
    counts = votes_of(1).sum((0, 1))
    rows = []
    for place, (a, b) in enumerate(PAIRS):
        for outcome in range(3):
            for sign in (1, -1):  # each vote from both sides, so that the edges become symmetric
                x = np.zeros(4)
                x[a], x[b] = sign, -sign
                rows += [(sign * (1 - outcome), *x)] * int(counts[place, outcome])
    data = np.array(rows)
    answer = pandas.Series(pandas.Categorical(data[:, 0], ordered=True))
    model = ordinal.OrderedModel(answer, data[:, 2:], distr="logit").fit(method="bfgs", disp=0, gtol=1e-9)
    expected = np.array([0.0, *model.params[:3]])
    scores, threshold = fit(counts[None], PAIRS, 4)
    np.testing.assert_allclose(scores[0], expected - expected.mean(), atol=2e-3)
    assert threshold[0] == pytest.approx(np.exp(model.params.iloc[-1]) / 2, abs=2e-3)


def test_two_methods_by_hand() -> None:
    """60 wins, 20 ties, 20 losses: P(win) = 0.6 and P(loss) = 0.2 fix both parameters."""
    scores, threshold = fit(np.array([[[6000.0, 2000, 2000]]]), [(0, 1)], 2)
    won, lost = np.log(0.6 / 0.4), np.log(0.2 / 0.8)
    assert scores[0, 0] - scores[0, 1] == pytest.approx((won - lost) / 2, abs=1e-3)
    assert threshold[0] == pytest.approx(-(won + lost) / 2, abs=1e-3)


def test_many_fits_at_once_are_the_fits_one_by_one() -> None:
    counts = np.stack([votes_of(seed).sum((0, 1)) for seed in range(20)])
    counts[3, :, 1] = 0  # no tie
    counts[4, :, 2] = 0  # the first always wins
    together = fit(counts, PAIRS, 4)
    for place in range(20):
        one = fit(counts[place : place + 1], PAIRS, 4)
        np.testing.assert_allclose(together[0][place], one[0][0], atol=1e-6)
        assert together[1][place] == pytest.approx(one[1][0], abs=1e-6)
    assert np.isfinite(together[0]).all()


def test_intervals_hold_the_scores_and_the_matrix_all_votes() -> None:
    votes = votes_of(3)
    found = preference(votes, PAIRS, 4, resamples=500)
    for one in found.scores:
        assert one.low < one.mean < one.high
    assert [d.value for d in found.differences] == pytest.approx(
        [found.scores[a].mean - found.scores[b].mean for a, b in PAIRS]
    )
    wins, ties = win_matrix(votes, PAIRS, 4)
    assert wins.sum() + ties.sum() / 2 == votes.sum()
    assert wins[0, 3] == votes[:, :, PAIRS.index((0, 3)), 0].sum()
    assert wins[3, 0] == votes[:, :, PAIRS.index((0, 3)), 2].sum()


# ------------------------------------------------------------- agreement of subjects, screening


def test_alpha_of_krippendorffs_own_example() -> None:
    """The twelve units of Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, section C: 0.849."""
    nan = np.nan
    data = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
            [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
        ]
    )
    pytest.importorskip("krippendorff")
    found = alpha(asked(data[..., None]))
    assert found.mean == pytest.approx(0.849, abs=5e-4)
    assert found.low < found.mean < found.high
    assert alpha(asked(data[..., None], "rank")).mean == pytest.approx(0.815, abs=5e-4)  # ordinal


def test_alpha_of_pairs_is_over_outcomes() -> None:
    krippendorff = pytest.importorskip("krippendorff")
    votes = votes_of(4)
    outcomes = (votes[..., 0] - votes[..., 2]).reshape(len(votes), -1)
    expected = krippendorff.alpha(outcomes, level_of_measurement="ordinal")
    scores = np.zeros((*votes.shape[:2], 4))
    assert alpha(asked(scores, "pairs", votes)).mean == pytest.approx(expected)


def observers(seed: int, erratic: tuple[int, ...]) -> Floats:
    random = np.random.default_rng(seed)
    quality = random.uniform(0.5, 3.5, (15, 5))
    scores = np.clip(np.rint(quality + random.normal(0, 0.4, (20, 15, 5))), 0, 4)
    for one in erratic:
        scores[one] = random.integers(0, 5, (15, 5))
    scores[7] = np.clip(scores[7] + 1, 0, 4)  # shifted, which is no reason
    return scores


def test_bt500_by_the_text_of_the_recommendation() -> None:
    for seed in range(2):
        scores = observers(seed, (3, 11))
        rejected = []
        n, images, methods = scores.shape
        columns = [scores[:, j, k] for j in range(images) for k in range(methods)]
        spreads = [(u.mean(), u.std(ddof=1), stats.kurtosis(u, fisher=False)) for u in columns if u.std()]
        for s in range(n):
            p = q = 0
            for u, (mean, spread, kurtosis) in zip((u for u in columns if u.std()), spreads, strict=True):
                far = (2 if 2 <= kurtosis <= 4 else np.sqrt(20)) * spread
                p += u[s] >= mean + far
                q += u[s] <= mean - far
            share = (p + q) / (images * methods)
            rejected.append(share > 0.05 and abs(p - q) / (p + q) < 0.3)
        assert bt500(scores).tolist() == rejected


def test_bt500_is_that_of_sureal() -> None:
    """sureal divides by N where the recommendation has N - 1, so scores are continuous and observers many."""
    model = pytest.importorskip("sureal.subjective_model")
    reader = pytest.importorskip("sureal.dataset_reader")
    random = np.random.default_rng(0)
    scores = random.uniform(1.5, 2.5, (12, 5)) + random.uniform(-0.6, 0.6, (60, 12, 5))
    for one in (3, 11, 40):
        scores[one] = random.uniform(0, 4, (12, 5))
    flat = scores.reshape(len(scores), -1)

    class Data:
        ref_videos = [{"content_id": 0, "content_name": "x", "path": "x"}]  # noqa: RUF012
        dis_videos = [  # noqa: RUF012
            {"content_id": 0, "asset_id": k, "os": column.tolist(), "path": str(k)} for k, column in enumerate(flat.T)
        ]

    found = model.SubjrejMosModel(reader.RawDatasetReader(Data)).run_modeling(normalize_final=False)
    assert np.flatnonzero(bt500(scores)).tolist() == [3, 11, 40]
    np.testing.assert_allclose(found["quality_scores"], flat[~bt500(scores)].mean(0), atol=1e-9)


def test_screening_by_catch_trials_and_times() -> None:
    found = asked(observers(0, ()))
    caught = list(found.caught)
    caught[2], caught[4] = (1, 3), (2, 3)
    seconds = list(found.seconds)
    seconds[5], seconds[6] = np.full(3, 1.9), np.full(3, 2.1)
    changed = Responses(**{**vars(found), "caught": tuple(caught), "seconds": tuple(seconds)})
    reasons = screen(changed).reasons
    assert [s for s, own in enumerate(reasons) if own] == [2, 5]
    assert reasons[2] == ("catch trials (1 of 3)",)
    assert reasons[5] == ("time (median 1.9 s)",)
    assert [s for s, own in enumerate(screen(changed, catch_share=1.0, speed=0.5).reasons) if own] == [2, 4, 5, 6]
    assert changed.only(screen(changed).keep).subjects == tuple(s for s in range(20) if s not in (2, 5))


def test_steadiness_by_hand() -> None:
    found = asked(observers(0, ()))
    changed = Responses(**{**vars(found), "repeats": (((3.0, 3.0), (2.0, 4.0)), ((1.0, 0.0),), *found.repeats[2:])})
    assert steadiness(changed) == (1 / 3, 1.0, 3)
    assert steadiness(found)[2] == 0


# ------------------------------------------------------------- metrics and people


def test_correlations_are_scipys() -> None:
    random = np.random.default_rng(7)
    for _ in range(20):
        x, ys = random.integers(0, 6, 14).astype(float), random.integers(0, 6, (5, 14)).astype(float)
        ones = np.ones_like(ys)
        np.testing.assert_allclose(kendall(x, ys, ones), [stats.kendalltau(x, y).statistic for y in ys])
        np.testing.assert_allclose(spearman(x, ys, ones), [stats.spearmanr(x, y).statistic for y in ys])
        weights = random.multinomial(14, np.full(14, 1 / 14), 5)
        again = [(np.repeat(x, w), np.repeat(y, w)) for y, w in zip(ys, weights, strict=True)]
        np.testing.assert_allclose(kendall(x, ys, weights), [stats.kendalltau(*pair).statistic for pair in again])
        np.testing.assert_allclose(spearman(x, ys, weights), [stats.spearmanr(*pair).statistic for pair in again])


def test_metrics_of_which_less_is_better_are_turned() -> None:
    random = np.random.default_rng(8)
    quality = random.uniform(0, 4, (10, 4))
    scores = quality + random.normal(0, 0.1, (12, 10, 4))
    rows = []
    for i in range(10):
        for m in range(4):
            rows += [
                (f"i{i}", f"m{m}", "p", "psnr", 20 + quality[i, m]),
                (f"i{i}", f"m{m}", "p", "mse", -quality[i, m]),
            ]
            rows.append((f"i{i}", f"m{m}", "p", "ssim", float(random.random())))
    rows.append(("elsewhere", "m0", "p", "psnr", 1.0))
    found = {one.metric: one for one in agreements(asked(scores), rows, resamples=300)}
    for name in ("psnr", "mse"):
        assert found[name].kendall_within.mean > 0.8
        assert found[name].kendall is not None
        assert found[name].kendall.low > 0.8
    mean = scores.mean(0)
    table = np.array([[row[4] for row in rows if row[3] == "ssim"]]).reshape(10, 4)
    one = found["ssim"]
    assert one.spearman is not None
    assert one.spearman.mean == pytest.approx(stats.spearmanr(table.ravel(), mean.ravel()).statistic)
    within = np.mean([stats.kendalltau(table[i], mean[i]).statistic for i in range(10)])
    assert one.kendall_within.mean == pytest.approx(within)
    assert one.kendall_within.low < 0 < one.kendall_within.high
    assert agreements(asked(scores, "rank"), rows, resamples=300)[0].kendall is None


# ------------------------------------------------------------- power


def test_variance_components_are_those_that_were_put_in() -> None:
    random = np.random.default_rng(9)
    truth = Components(0.3, 0.5, 0.8)
    found = []
    for _ in range(60):
        d = (
            random.normal(0, truth.subject**0.5, (40, 1)) + random.normal(0, truth.image**0.5, (1, 30))
            + random.normal(0, truth.rest**0.5, (40, 30))
        )  # fmt: skip
        found.append(components(np.stack([d, np.zeros_like(d)], -1)))
    for name in ("subject", "image", "rest"):
        assert np.mean([getattr(one, name) for one in found]) == pytest.approx(getattr(truth, name), rel=0.08)


def test_power_is_reached_by_the_number_of_subjects_and_not_by_one_less() -> None:
    """By simulation of the test that the number is for."""
    pytest.importorskip("statsmodels")
    parts, images, difference = Components(0.2, 0.0, 0.9), 12, 0.3
    need = subjects_for(difference, images, parts)
    assert need.same_images is not None
    random = np.random.default_rng(10)

    def power(subjects: int) -> float:
        spread = np.sqrt(parts.subject + parts.rest / images)
        drawn = random.normal(difference, spread, (20_000, subjects))
        return float(np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05))

    assert power(need.same_images) > 0.79
    assert power(need.same_images - 2) < 0.80
    assert need.other_images is not None
    assert need.other_images > need.same_images


def test_with_other_images_no_number_may_be_enough() -> None:
    pytest.importorskip("statsmodels")
    need = subjects_for(0.1, 15, Components(0.05, 0.5, 0.8))
    assert need.same_images is not None
    assert need.other_images is None
    assert subjects_for(0.1, 15, Components(np.nan, np.nan, np.nan)).same_images is None
