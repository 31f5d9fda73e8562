"""The words in which formulas of features are written, and how a formula is set.

A formula is an expression of Python's grammar in these words. It is said for people; the values come from the code
beside it. The tests evaluate every formula with pandas and compare it with what the code computes.
"""

from __future__ import annotations

import ast

from finq_predictor.domain.errors import ConfigurationError, closest

WORDS: dict[str, str] = {
    "open": "opening price, adjusted",
    "high": "highest price, adjusted",
    "low": "lowest price, adjusted",
    "close": "closing price, adjusted; for currencies the mid",
    "volume": "volume",
    "vwap": "volume-weighted average price of the bar, adjusted",
    "bid": "bid at the close",
    "ask": "ask at the close",
    "benchmark": "close of the benchmark",
    "tone": "sum of the tones of the bar's articles",
    "articles": "number of the bar's articles",
    "bar_tone": "tone / (articles + 1)",
    "ret": "close / lag(close, 1) - 1",
    "logret": "log(close / lag(close, 1))",
    "benchmark_ret": "benchmark / lag(benchmark, 1) - 1",
    "typical": "(high + low + close) / 3",
    "turnover": "typical * volume",
    "true_range": "larger(high, lag(close, 1)) - smaller(low, lag(close, 1))",
    "spread": "2 * (ask - bid) / (ask + bid)",
    "range_spread": "spread of Corwin and Schultz (2012) from two bars, not below 0",
    "up_move": "rise of the high where it is larger than the fall of the low, else 0",
    "down_move": "fall of the low where it is larger than the rise of the high, else 0",
    "hour": "UTC hour at which the bar began",
    "weekday": "day of the week, Monday 0; of hours: of the bar's beginning, else of its close",
    "day": "day of the month",
    "days_in_month": "days of the month",
    "month": "month, 1 to 12",
    "ends": "close of the bar, in hours",
    "bar_hours": "length of a bar in hours",
    "pi": "3.14159...",
    "Tokyo": "time zone Asia/Tokyo",
    "London": "time zone Europe/London",
    "New_York": "time zone America/New_York",
    "lag(x, n)": "x, n bars before",
    "log(x)": "natural logarithm",
    "sqrt(x)": "square root",
    "abs(x)": "absolute value",
    "sign(x)": "1, 0 or -1",
    "sin(x)": "sine",
    "cos(x)": "cosine",
    "pos(x)": "x, not below 0",
    "neg(x)": "x, not above 0",
    "larger(x, y)": "the larger of two",
    "smaller(x, y)": "the smaller of two",
    "middle(x, y, z)": "the median of three",
    "normal(x)": "distribution function of the standard normal",
    "mean(x, n)": "mean over n bars",
    "std(x, n)": "standard deviation over n bars, n - 1 in the denominator",
    "max(x, n)": "maximum over n bars",
    "min(x, n)": "minimum over n bars",
    "top(x, n, k)": "mean of the k largest of n bars",
    "moment(x, n, p)": "mean over n bars of the deviation from their mean to the power p; p = 1: of its absolute value",
    "ewma(x, n)": "exponential average, alpha = 2 / (n + 1), cut after 5 n bars",
    "wilder(x, n)": "exponential average, alpha = 1 / n, cut after 10 n bars",
    "faded(x, n)": "sum over 8 n bars, each counting half as much n bars later",
    "trend(x, n)": "least-squares slope per bar over n bars",
    "fit(x, n)": "share of the variance over n bars that a straight line explains",
    "residual(x, n)": "x minus its least-squares line over n bars",
    "quantile(x, n, q)": "value below which the share q of n bars lies, interpolated",
    "standing(x, n)": "rank of x among n bars as a share, 1 for the highest; equal values share theirs",
    "rises(x, n)": "share of the known ones of n bars at which x was above the bar before",
    "place_of_max(x, n)": "place of the maximum among n bars, 1 for the oldest that is known; the first of several",
    "cov(x, y, n)": "covariance over n bars",
    "corr(x, y, n)": "correlation over n bars",
    "slope_on(x, y, n)": "least-squares slope of x on y over n bars",
    "since_max(x, n)": "bars since the maximum of n bars, the latest of several",
    "at_max(x, y, n)": "x at the bar where y was largest within n bars, the latest of several",
    "below(x, n, w)": "share of n bars (of their w) with x below its present value; equal values count half",
    "near(x, d, n, w)": "share of the w of n bars at which x was within d of its present value",
    "drawdown(x, n)": "deepest fall of x from a peak within n bars",
    "following(x, c, n, k)": "mean of x over those of n bars that followed a bar with the present c, of k",
    "rank(x)": "rank among the members of the bar, -0.5 to 0.5",
    "average(x)": "mean of the members of the bar",
    "spread_among(x)": "standard deviation among the members of the bar, divided by their number",
    "sector_average(x)": "mean of the members of the sector",
    "sector_rank(x)": "rank among the members of the sector, -0.5 to 0.5",
    "currencies(x)": "mean of x over the pairs of the base (-x where it is the quote), minus that of the quote",
    "between(a, b, z)": "1 where the bar began from hour a to before hour b in a time zone, else 0",
    "macro(s)": "newest value of a series that was known",
    "macro_mean(s)": "mean of its last 60 values known",
    "macro_std(s)": "standard deviation of its last 60 values known",
    "macro_change(s)": "its newest change that was known",
    "macro_change_std(s)": "standard deviation of its last 59 changes known",
    "macro_age(s)": "days since its newest release",
}
"""What each word means; of functions with their arguments."""
_FUNCTIONS = {name.partition("(")[0]: name.count(",") + 1 for name in WORDS if "(" in name}
_NAMES = {name for name in WORDS if "(" not in name}
_SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: r"\,",
    ast.Gt: ">",
    ast.LtE: r"\le",
    ast.GtE: r"\ge",
    ast.Eq: "=",
    ast.NotEq: r"\ne",
}


def require_formula(formula: str, who: str) -> ast.expr:
    """Read a formula.

    Args:
        formula: The formula.
        who: Whose it is, for the message.

    Raises:
        ConfigurationError: If it is empty, is no expression, or says a word that is none of :data:`WORDS`.
    """
    try:
        tree = ast.parse(formula, mode="eval").body
    except SyntaxError as error:
        raise ConfigurationError(
            f"The formula of {who}, {formula!r}, is no expression ({error.msg}); write it like "
            "'close / mean(close, 20) - 1'."
        ) from None
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    series = {
        id(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("macro") and node.args
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in series:
            known = _FUNCTIONS if id(node) in called else _NAMES
            if node.id not in known:
                raise ConfigurationError(
                    f"The formula of {who} says {node.id!r}. {closest(node.id, known)} "
                    "The words are in finq_predictor.domain.features.formulas."
                )
    return tree


def latex(formula: str) -> str:
    """A formula in LaTeX, without the dollars around it.

    Raises:
        ConfigurationError: As :func:`require_formula`.
    """
    return _set(require_formula(formula, "a feature"))


def _set(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=value):
            return str(value)
        case ast.Name(id="pi"):
            return r"\pi"
        case ast.Name(id=name):
            return _word(name)
        case ast.UnaryOp(operand=operand):
            return f"-{_inside(operand)}"
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return rf"\frac{{{_set(left)}}}{{{_set(right)}}}"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return f"{_inside(left)}^{{{_set(right)}}}"
        case ast.BinOp(left=left, op=ast.Mult() as op, right=right):
            return f"{_inside(left)}{_SIGNS[type(op)]}{_inside(right)}"
        case ast.BinOp(left=left, op=op, right=right):
            shown = _inside(right) if isinstance(op, ast.Sub) else _set(right)
            return f"{_set(left)} {_SIGNS[type(op)]} {shown}"
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return rf"\mathbb{{1}}\{{{_set(left)} {_SIGNS[type(op)]} {_set(right)}\}}"
        case ast.Call(func=ast.Name(id=name), args=args):
            return _called(name, args)
    raise ConfigurationError(f"{ast.unparse(node)!r} cannot be set as a formula.")


def _inside(node: ast.AST) -> str:
    """In brackets where it would be read otherwise."""
    sums = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)
    return rf"\left({_set(node)}\right)" if sums else _set(node)


def _called(name: str, args: list[ast.expr]) -> str:
    shown = [_set(arg) for arg in args]
    match name:
        case "sqrt":
            return rf"\sqrt{{{shown[0]}}}"
        case "abs":
            return rf"\left\lvert {shown[0]} \right\rvert"
        case "lag" if isinstance(args[0], ast.Name):
            return rf"{shown[0]}_{{t-{shown[1]}}}" if len(shown[1]) < 4 else rf"{shown[0]}_{{t-({shown[1]})}}"
        case "log" | "sin" | "cos":
            return rf"\{name}\left({shown[0]}\right)"
    numbers = [text for arg, text in zip(args, shown, strict=True) if _is_number(arg)]
    rest = [text for arg, text in zip(args, shown, strict=True) if not _is_number(arg)]
    below = f"_{{{', '.join(numbers)}}}" if numbers else ""
    return rf"{_word(name)}{below}\left({', '.join(rest)}\right)"


def _is_number(node: ast.AST) -> bool:
    return not any(isinstance(each, ast.Name) for each in ast.walk(node))


def _word(name: str) -> str:
    shown = name.replace("_", r"\_")
    return rf"\mathrm{{{shown}}}"
