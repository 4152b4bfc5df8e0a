"""The methods that a comparison used, each with its source."""

from __future__ import annotations

from collections.abc import Iterator

from sim.compare.comparison import Comparison, Correction

_METHODS: dict[str, tuple[str, str]] = {
    "unit": (
        "The unit is a seed: repeats and rotations with one seed are averaged first, and n counts seeds.",
        "统计单位是种子：同一种子的重复与轮换先取平均，n 为种子数。",
    ),
    "wilson": (
        "Shares of runs: Wilson's interval (Wilson 1927; statsmodels proportion_confint).",
        "运行的占比：Wilson 区间（Wilson 1927；statsmodels proportion_confint）。",
    ),
    "bca": (
        "Means of 20 to 500 seeds: BCa bootstrap, 2,000 resamples drawn by a fixed seed (Efron 1987; SciPy "
        "bootstrap).",
        "20 至 500 个种子的均值：BCa 自助法，以固定种子重抽 2,000 次（Efron 1987；SciPy bootstrap）。",
    ),
    "t": (
        "Means of fewer or more seeds: Student's interval (Student 1908; SciPy ttest_1samp).",
        "更少或更多种子的均值：Student 区间（Student 1908；SciPy ttest_1samp）。",
    ),
    "median": (
        "Medians: exact interval by ranks (Conover 1999, 3.2; SciPy quantile_test).",
        "中位数：按秩的精确区间（Conover 1999，3.2；SciPy quantile_test）。",
    ),
    "mcnemar": (
        "Shares in the same seeds: exact McNemar test (McNemar 1947; statsmodels mcnemar); interval of the "
        "difference after Newcombe 1998, method 10 for pairs.",
        "同一批种子的占比：McNemar 精确检验（McNemar 1947；statsmodels mcnemar）；差异区间用 Newcombe 1998 配"
        "对方法 10。",
    ),
    "fisher": (
        "Shares in other seeds: Fisher's exact test (SciPy fisher_exact); interval of the difference after "
        "Newcombe 1998, method 10 (statsmodels confint_proportions_2indep).",
        "不同种子的占比：Fisher 精确检验（SciPy fisher_exact）；差异区间用 Newcombe 1998 方法 10（"
        "statsmodels confint_proportions_2indep）。",
    ),
    "t_paired": (
        "Numbers of which at least 30 pairs differ: paired t test, mean difference with Student's interval "
        "(SciPy ttest_rel).",
        "至少 30 对有差异的数值：配对 t 检验，均值差及 Student 区间（SciPy ttest_rel）。",
    ),
    "wilcoxon": (
        "Numbers of which fewer pairs differ, and marks: Wilcoxon's signed-rank test (Wilcoxon 1945; SciPy "
        "wilcoxon), difference after Hodges and Lehmann 1963 with the interval of the shifts that the test "
        "would not refuse; of more than 200 pairs the mean difference.",
        "差异对数更少的数值与评分：Wilcoxon 符号秩检验（Wilcoxon 1945；SciPy wilcoxon），差异用"
        " Hodges–Lehmann 1963 估计，区间由该检验反推；超过 200 对时用均值差。",
    ),
    "welch": (
        "Numbers in other seeds, at least 30 in each arm: Welch's t test (Welch 1947; SciPy ttest_ind).",
        "不同种子的数值，每组至少 30 个：Welch t 检验（Welch 1947；SciPy ttest_ind）。",
    ),
    "mann_whitney": (
        "Numbers in fewer other seeds, and marks: Mann–Whitney test (Mann and Whitney 1947; SciPy "
        "mannwhitneyu), difference after Hodges and Lehmann with the interval that belongs to the test.",
        "不同种子且更少的数值与评分：Mann–Whitney 检验（Mann 与 Whitney 1947；SciPy mannwhitneyu），差异用"
        " Hodges–Lehmann 估计及该检验反推的区间。",
    ),
    "effect_paired": (
        "Effect in pairs: the matched-pairs rank-biserial correlation (Kerby 2014), from −1 (all seeds "
        "lower) to 1 (all higher).",
        "配对的效应量：配对秩二列相关（Kerby 2014），从 −1（全部更低）到 1（全部更高）。",
    ),
    "effect_unpaired": (
        "Effect without pairs: Cliff's delta (Cliff 1993), from −1 to 1: of all pairs of runs, how many more "
        "are higher than lower.",
        "不配对的效应量：Cliff's delta（Cliff 1993），从 −1 到 1：任取两次运行，较高的比较低的多出的比例。",
    ),
    "holm": (
        "p is corrected for {n} comparisons after Holm 1979 (statsmodels multipletests): the chance to call "
        "anything different that is not stays at 5 % over all of them. What is the same in each seed is no "
        "comparison (Tarone 1990), nor is the second of two outcomes.",
        "p 值按 {n} 项比较以 Holm 1979 校正（statsmodels multipletests）：把任何无差异判为有差异的总概率不超"
        "过 5 %。每个种子都相同的不算比较（Tarone 1990），仅有两种结局时第二种也不算。",
    ),
    "bonferroni": (
        "p is multiplied by {n}, the number of comparisons (Bonferroni; statsmodels multipletests).",
        "p 值乘以比较数 {n}（Bonferroni；statsmodels multipletests）。",
    ),
    "fdr_bh": (
        "p is corrected for {n} comparisons after Benjamini and Hochberg 1995 (statsmodels multipletests): "
        "of what is called different, at most 5 % is expected not to be.",
        "p 值按 {n} 项比较以 Benjamini–Hochberg 1995 校正（statsmodels multipletests）：判为有差异者中，误判"
        "的期望比例不超过 5 %。",
    ),
    "none": (
        "p is not corrected, though {n} comparisons were made.",
        "做了 {n} 项比较，p 值未校正。",
    ),
    "power": (
        "How many seeds would tell: power analysis (statsmodels TTestPower, TTestIndPower) for 80 % power "
        "and 5 % over all comparisons, for the difference that was asked for (--effect) or else the one that "
        "was seen; the one that was seen is itself uncertain, so the number is a rough one.",
        "需要多少种子：功效分析（statsmodels TTestPower、TTestIndPower），功效 80 %、全部比较合计 5 %，针对"
        " --effect 指定的差异，未指定则用观察到的差异；后者本身不确定，故仅为粗略数。",
    ),
    "marks": (
        "A mark is what a model says by a rubric, and no truth: how far it agrees with people is seen on runs that "
        "they have marked too.",
        "评分是模型按评分标准给出的，并非事实：要看它与人对同样运行的评分有多一致。",
    ),
    "kappa": (
        "Agreement of two judges over runs: Cohen's kappa with quadratic weights (Cohen 1968; statsmodels "
        "cohens_kappa), interval after Fleiss, Cohen and Everitt 1969; 0 is agreement by chance, 1 always.",
        "两个评分者在各次运行上的一致性：二次加权 Cohen kappa（Cohen 1968；statsmodels cohens_kappa），区间用"
        " Fleiss、Cohen 与 Everitt 1969；0 为碰巧一致，1 为完全一致。",
    ),
    "games": (
        "Wins and strengths: bootstrap intervals, the standard error from drawing blocks (seeds) anew, 400 "
        "times by a fixed seed, with Student's quantile (Efron and Tibshirani 1993, chapter 12); a rate of "
        "0 % or 100 % has Wilson's interval over its blocks. A seat wins with its side, so a rate by card "
        "also tells which side is strong.",
        "胜率与实力：自助法区间，以固定种子重抽区组（种子）400 次得标准误，配 Student 分位数（Efron 与"
        " Tibshirani 1993，第 12 章）；0 % 或 100 % 用按区组数的 Wilson 区间。座位随阵营取胜"
        "，因此按身份的胜率也反映阵营强弱。",
    ),
    "strengths": (
        "Strength: Bradley and Terry 1952, a logistic regression (statsmodels GLM) on the pairs of winning "
        "and losing seats of other models, a game together worth one win; half a win either way is added for "
        "each pair that met. 0 is the mean model; a difference of d means odds of e^d to 1. Elo is the same "
        "number: 1500 + 400 log10 of the odds, so 400 points are ten to one.",
        "实力：Bradley–Terry 1952，对不同模型的胜负座位对做逻辑回归（statsmodels GLM），每局合计一胜；每对相"
        "遇的模型双方各加半胜。0 为平均模型；相差 d 即优势比 e^d 比 1。Elo 是同一数值：1500 + 400 log10 优势"
        "，400 分即十比一。",
    ),
}


def methods(comparison: Comparison, language: str) -> Iterator[str]:
    """A sentence for each method that was used."""
    at = 1 if language == "zh" else 0
    for key in _used(comparison):
        yield _METHODS[key][at].format(n=comparison.comparisons)


def _used(comparison: Comparison) -> Iterator[str]:
    yield "unit"
    found = {e.method for e in comparison.estimates} | {d.found.method for d in comparison.differences}
    tests = {d.found.test for d in comparison.differences}
    yield from (key for key in ("wilson", "bca", "t") if key in found)
    if any(e.median is not None for e in comparison.estimates):
        yield "median"
    yield from (
        key for key in ("mcnemar", "fisher", "t_paired", "wilcoxon", "welch", "mann_whitney") if key in tests
    )
    yield from ("effect_paired" for _ in [0] if any(d.is_paired for d in comparison.differences))
    yield from ("effect_unpaired" for _ in [0] if any(not d.is_paired for d in comparison.differences))
    if any(measure.partition(":")[0] == "judged" for measure in comparison.measures):
        yield "marks"
    if comparison.agreements:
        yield "kappa"
    if comparison.differences:
        yield Correction(comparison.correction).value
        yield "power"
    if comparison.games is not None:
        yield "games"
        if comparison.games.strengths:
            yield "strengths"
