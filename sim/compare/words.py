"""The words of a comparison, in English and Chinese."""

from __future__ import annotations

from decimal import Decimal

from sim.compare.sample import Kind

LANGUAGES = ("en", "zh")

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Comparison: {names}", "比较：{names}"),
    "summary_one": ("one arm, {seeds} seeds, {runs} runs", "1 组，{seeds} 个种子，{runs} 次运行"),
    "summary": ("{arms} arms, {seeds} seeds, {runs} runs; held against {against}",
                "{arms} 组，{seeds} 个种子，{runs} 次运行；对照组：{against}"),
    "arms": ("Arms", "各组"),
    "arm": ("arm", "组"),
    "runs": ("runs", "运行"),
    "done": ("done", "完成"),
    "failed": ("failed", "失败"),
    "over_budget": ("over budget", "超出预算"),
    "values": ("What each arm has", "各组的结果"),
    "measure": ("measure", "指标"),
    "n": ("n", "n"),
    "value": ("share or mean", "占比或均值"),
    "interval": ("95 %", "95 %"),
    "median": ("median", "中位数"),
    "differences": ("How the arms differ", "组间差异"),
    "against": ("arm − {against}", "组 − {against}"),
    "difference": ("difference", "差异"),
    "effect": ("effect", "效应量"),
    "test": ("test", "检验"),
    "p": ("p", "p"),
    "verdict": ("verdict", "结论"),
    "more": ("more seeds", "还需种子"),
    "different": ("different", "有差异"),
    "small": ("no such difference", "无此差异"),
    "unknown": ("cannot tell", "无法判断"),
    "identical": ("the same", "完全相同"),
    "comma": (", ", "，"),
    "points": ("points", "个百分点"),
    "told": ("What is told", "结论"),
    "says_different": ("{arm} differs from {against} in {measure}: {difference} {interval}, p = {p}",
                       "{arm} 与 {against} 的{measure}有差异：{difference} {interval}，p = {p}"),
    "says_unknown": ("{arm} and {against} cannot be told apart in {measure}: {difference} {interval}",
                     "{arm} 与 {against} 的{measure}无法区分：{difference} {interval}"),
    "says_small": ("{arm} and {against} differ in {measure} by less than {size}: {difference} {interval}",
                   "{arm} 与 {against} 的{measure}相差不到 {size}：{difference} {interval}"),
    "says_identical": ("{arm} and {against} are the same in {measure} in each of {n} seeds",
                       "{arm} 与 {against} 的{measure}在全部 {n} 个种子中完全相同"),
    "says_finds": ("; {n} seeds find a difference of {finds} four times in five",
                   "；{n} 个种子有八成把握发现 {finds} 的差异"),
    "says_needed": ("; one of {size} would take about {more} more seeds",
                    "；要发现 {size} 的差异，约需再加 {more} 个种子"),
    "says_none": ("; n is too small for any", "；n 太小，什么差异都无法发现"),
    "others": ("and {n} more comparisons in the table, of which {different} differ",
               "表中还有 {n} 项比较，其中 {different} 项有差异"),
    "comparisons": ("{n} comparisons, p corrected by {correction}", "共 {n} 项比较，p 值以 {correction} 校正"),
    "uncorrected": ("{n} comparisons, p not corrected: of twenty that differ in nothing one is called different",
                    "共 {n} 项比较，p 值未校正：每二十项本无差异的比较，约有一项会被判为有差异"),
    "missing": ("runs that are not there yet: {n}; 'sim sweep --resume' goes on with them",
                "还有 {n} 次运行未完成；用 sim sweep --resume 继续"),
    "torn": ("the last row was cut off and is left out; 'sim sweep --resume' makes it again",
             "最后一行不完整，未计入；用 sim sweep --resume 重做"),
    "left_out": ("seeds of {arm} or {against} without a partner: {n}; they are left out of the differences",
                 "{arm} 与 {against} 有 {n} 个种子没有对应，未计入差异"),
    "failures": ("runs of {arm} that failed: {n}; they count in nothing else, and if they failed because of the "
                 "arm, what is left flatters it",
                 "{arm} 有 {n} 次运行失败，不计入其他数字；若失败与该组有关，余下的结果会偏好"),
    "broken": ("runs of {arm} that broke a rule of the world: {n}; they failed, and count in all measures",
               "{arm} 有 {n} 次运行违反了世界的规则；算作失败，但计入各项指标"),
    "unmarked": ("episodes of {arm} without a mark of the judge: {n}; the rows say why, and if it is because of "
                 "the arm, the marks that are left flatter it",
                 "{arm} 有 {n} 场没有评分，原因见各行；若与该组有关，余下的评分会偏好"),
    "agreement": ("How far the judges agree", "评分者之间的一致性"),
    "judges": ("judges", "评分者"),
    "kappa": ("weighted kappa", "加权 kappa"),
    "first_higher": ("the first is higher by", "前者高出"),
    "unread": ("not compared, as they are neither numbers, flags nor a few texts: {names}",
               "未比较（不是数字、真假值或少数几种文字）：{names}"),
    "methods": ("Methods", "方法"),
    "games": ("Games", "对局"),
    "games_of": ("{games} games in {blocks} blocks (seeds)", "{blocks} 个区组（种子）共 {games} 局"),
    "rates": ("Wins by model and card", "各模型各身份的胜率"),
    "model": ("model", "模型"),
    "all": ("all", "全部"),
    "strengths": ("Strength where models meet", "模型相遇时的实力"),
    "strength": ("strength, log odds", "实力（对数优势）"),
    "elo": ("Elo", "Elo"),
    "chance": ("beats a mean model", "胜过平均模型的概率"),
    "wins_over": ("Wins of a row's model over a column's", "模型之间的胜负（行胜列）"),
    "unbounded": ("Some model never lost to the others: the games set no limit to the strengths, and these are "
                  "held by the half wins alone.",
                  "有模型从未负于其他模型：对局没有给实力设定界限，此处数值仅由附加的半场胜负决定。"),
    "figures": ("Figures", "图"),
    "figure_shares": ("Shares, with 95 % intervals", "占比及其 95 % 区间"),
    "figure_numbers": ("Values of seeds: box of the middle half, mean with 95 % interval",
                       "各种子的取值：箱为中间一半，点为均值及其 95 % 区间"),
    "figure_points": ("Differences of shares from {against}, in points", "与 {against} 的占比差异（百分点）"),
    "figure_percent": ("Differences from {against}, in % of its mean", "与 {against} 的差异（占其均值的 %）"),
    "run": ("run", "运行"),
    "seed": ("seed", "种子"),
    "repeat": ("repeat", "重复"),
    "rotation": ("rotation", "轮换"),
    "status": ("status", "状态"),
    "outcome": ("outcome", "结局"),
    "turns": ("turns", "轮数"),
    "tokens": ("tokens", "token"),
    "page": ("page", "页面"),
    "open": ("open", "打开"),
    "runs_title": ("Runs", "运行"),
    "runs_first": ("the first {n}", "前 {n} 次"),
    "how_to_export": ("A run that has no page yet gets one by the command beside it, in the folder of this "
                      "comparison; 'sim compare --pages' makes them all.",
                      "尚无页面的运行，可在作此比较的文件夹中执行旁边的命令生成；"
                      "sim compare --pages 一次生成全部。"),
}  # fmt: skip

_MEASURES: dict[str, tuple[str, str]] = {
    "outcome": ("outcome", "结局"),
    "turns": ("turns", "轮数"),
    "minutes": ("simulated minutes", "模拟分钟"),
    "waited": ("mean wait, minutes", "平均等候（分钟）"),
    "tokens": ("tokens", "token数"),
    "cost": ("cost", "费用"),
    "valid": ("valid answers", "有效回答占比"),
    "breaches": ("breaches of rules", "违反规则次数"),
    "calls": ("model calls", "模型调用"),
    "refusals": ("refusals", "驳回"),
    "acts": ("acts", "行动"),
    "warnings": ("warnings", "警告"),
    "prompt_tokens": ("prompt tokens", "提示token"),
    "completion_tokens": ("completion tokens", "回答token"),
    "judged": ("mark of the judge", "评分"),
    "(none)": ("none", "无"),
}

TESTS: dict[str, tuple[str, str]] = {
    "mcnemar": ("McNemar, exact", "McNemar 精确检验"),
    "fisher": ("Fisher, exact", "Fisher 精确检验"),
    "t_paired": ("paired t", "配对 t 检验"),
    "welch": ("Welch's t", "Welch t 检验"),
    "wilcoxon": ("Wilcoxon signed-rank", "Wilcoxon 符号秩检验"),
    "mann_whitney": ("Mann–Whitney", "Mann–Whitney 检验"),
    "none": ("", ""),
}


class Words:
    """The words of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._at = LANGUAGES.index(language)

    def __call__(self, key: str, **values: object) -> str:
        """Some words, with what stands in them."""
        return _WORDS[key][self._at].format(**values)

    def measure(self, name: str, currency: str = "") -> str:
        """What a measure is called; facts and functions have the names that the experiment gives them."""
        family, _, value = name.partition(":")
        label = _MEASURES[family][self._at] if family in _MEASURES else family
        if family == "cost" and (value or currency):
            return f"{label}, {value or currency}" if self.language == "en" else f"{label}（{value or currency}）"
        if not value:
            return label
        if family == "judged":
            return f"{label}, {value}" if self.language == "en" else f"{label}（{value}）"
        shown = _MEASURES[value][self._at] if value == "(none)" else value
        return f"{label} {shown}" if self.language == "en" else f"{label}“{shown}”"

    def test(self, name: str) -> str:
        """What a test is called."""
        return TESTS[name][self._at]


def percent(value: float) -> str:
    """A share as a percentage with one decimal."""
    return f"{value:.1%}"


def number(value: float) -> str:
    """A number with as many decimals as can matter."""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if value == int(value):
        return f"{value:.0f}"
    if size >= 0.01:
        return f"{value:,.{1 if size >= 100 else 2 if size >= 1 else 3}f}"
    return f"{Decimal(f'{value:.2g}'):f}"


def shown(kind: Kind, value: float | None) -> str:
    """A value of a measure."""
    if value is None:
        return "…"
    return percent(value) if kind is Kind.share else number(value)


def changed(kind: Kind, value: float | None, unit: str = "") -> str:
    """A difference, with its sign; of shares in percentage points."""
    if value is None:
        return "…"
    if kind is Kind.share:
        return f"{value * 100:+z.1f}{f' {unit}' if unit else ''}"
    return ("+" if value > 0 else "") + number(value)


def p_value(p: float | None) -> str:
    """A p-value; a small one by its size alone."""
    return "" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"
