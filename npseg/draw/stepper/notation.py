"""How the drawings write numbers, symbols and sums.

A cell of a drawing holds a number or a symbol, such as the lecture's a, b, c, d and x, y, z. Numbers are added and
multiplied; symbols are written side by side, so that the products ``a * y`` and ``b * z`` add up to "ay+bz". Either
way the arithmetic can be spelled out, product by product.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

#: What a cell holds.
Value: TypeAlias = float | str


def written(value: Value) -> str:
    """Write a value in as few signs as four digits need.

    Examples
    --------
    >>> [written(v) for v in (2.0, -1.0, 1 / 3, 2.5e7, "a")]
    ['2', '−1', '0.3333', '2.5e+07', 'a']
    """
    return value if isinstance(value, str) else f"{value + 0.0:.4g}".replace("-", "−")  # + 0.0: no minus zero


class Product(NamedTuple):
    """One product: what is read, times what it is weighed with.

    Attributes
    ----------
    value : number or symbol
        What is read.
    factor : number or symbol or None
        The kernel's tap, if there is a kernel.
    share : float
        What the sum counts of it: one of the divisor's parts, or a weight of an interpolation.
    divides : bool
        Whether the share is written as a division by its inverse.
    """

    value: Value
    factor: Value | None = None
    share: float = 1.0
    divides: bool = False

    def __str__(self) -> str:
        """Spell it out: ``2·1``, ``8/4``, ``a·x``, ``0.75·3``."""
        if self.factor is not None:
            return f"{written(self.value)}·{_bracketed(self.factor)}"
        if self.share == 1:
            return written(self.value)
        if self.divides:
            return f"{_bracketed(self.value)}/{written(1 / self.share)}"
        return f"{written(self.share)}·{_bracketed(self.value)}"

    @property
    def result(self) -> Value:
        """Work it out: numbers are multiplied, symbols stand side by side behind their number."""
        number, letters = self.share, ""
        for v in (self.value, self.factor):
            if isinstance(v, str):
                letters += f"·{_bracketed(v)}" if letters and len(v) > 1 else v
            elif v is not None:
                number *= v
        if not letters or number == 0:
            return number
        return {1.0: letters, -1.0: f"−{letters}"}.get(number, f"{written(number)}{letters}")


def added(values: Iterable[Value]) -> Value:
    """Add values up; symbols are written one behind the other, in order.

    Examples
    --------
    >>> added([2.0, 3.0]), added([0.0, "ay", "bz"]), added(["a", "−b"])
    (5.0, 'ay+bz', 'a−b')
    """
    items = list(values)
    if not any(isinstance(v, str) for v in items):
        return sum(float(v) for v in items)
    terms = [written(v) for v in items if v != 0]
    return "+".join(terms).replace("+−", "−")


def spelled_out(products: Iterable[Product]) -> str:
    """Write a sum of products, each spelled out, an average in one bracket.

    Examples
    --------
    >>> spelled_out([Product(2.0, 1.0), Product(3.0, -1.0), Product(-4.0, 5.0)])
    '2·1 + 3·(−1) − 4·5'
    >>> spelled_out([Product(1.0, share=0.25, divides=True), Product(6.0, share=0.25, divides=True)])
    '(1 + 6)/4'
    """
    items = list(products)
    shares = {p.share for p in items if p.divides}
    if len(items) > 1 and len(shares) == 1 and shares != {1.0}:
        return f"({_joined(p._replace(share=1.0) for p in items)})/{written(1 / shares.pop())}"
    return _joined(items)


def _joined(products: Iterable[Product]) -> str:
    """Write products behind one another, a negative one with its own sign."""
    return " + ".join(map(str, products)).replace("+ −", "− ")


def _bracketed(value: Value) -> str:
    """Write a value that stands behind an operator: signs and sums need brackets."""
    text = written(value)
    return f"({text})" if text.startswith("−") or "+" in text.strip("+") or "−" in text else text
