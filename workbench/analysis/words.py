"""How figures and lists are put into sentences, the same in every check, reason and headline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workbench.model.metrics import metric

_NAMED = 5


def join(parts: Sequence[str]) -> str:
    """Join names as a sentence does: ``"a"``, ``"a and b"``, ``"a, b and c"``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def some(names: Iterable[object]) -> str:
    """Name the first few, each once: ``"a, b, c, d, e and 7 more"``."""
    unique = list(dict.fromkeys(str(name) for name in names))
    if len(unique) <= _NAMED + 1:
        return join(unique)
    return f"{', '.join(unique[:_NAMED])} and {len(unique) - _NAMED} more"


def counted(number: int, noun: str) -> str:
    """Return number and noun agreeing: ``"1 run"``, ``"3 runs"``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def a_second(rate: float) -> str:
    """Return requests per second for a sentence: ``"150,000"``, ``"997"``, ``"0.5"``; none above 0 becomes 0."""
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def at_rate(rate: float) -> str:
    """Return a rate as the end of a phrase: ``"at 997/s"``, ``"at no stated rate"``."""
    if rate == float("inf"):
        return "at no stated rate"
    return f"at {rate:g}/s" if rate < 1e6 else f"at {rate:.0f}/s"


def percent(ratio: float, digits: int = 0) -> str:
    """Return a share as text, ``"93.8 %"``; as many as `digits` decimals, none where they are 0."""
    text = f"{ratio * 100:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def share(part: int, whole: int) -> str:
    """``"3 of 36 runs (8 %)"``."""
    return f"{part} of {counted(whole, 'run')} ({percent(part / whole)})"


def figure(name: str, value: float) -> str:
    """Return a value of metric ``name`` with its unit: ``"3.90×"``, ``"165 µs"``, ``"0.386 cores"``."""
    return metric(name).show(value).replace(" ×", "×")


def range_text(name: str, low: float, high: float) -> str:
    """Return the ends of an interval of metric ``name`` with their unit: ``"-0.002 to 0.010 cores"``."""
    return f"{metric(name).show(low).split()[0]} to {figure(name, high)}"


def with_interval(name: str, median: float, low: float, high: float) -> str:
    """Return a value of metric ``name`` with its interval where there is one: ``"165 µs [117–261]"``."""
    if low != low or high != high:
        return figure(name, median)
    shown = metric(name)
    ends = [f"{end * shown.scale:,.{shown.digits}f}" for end in (low, high)]
    return f"{figure(name, median)} [{(' to ' if ends[0].startswith('-') else '–').join(ends)}]"
