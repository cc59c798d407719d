"""Arrays of the candidate's library and dtype: there, and back to NumPy's float64.

A case is rounded to the candidate's dtype first and then kept in float64, in which npseg answers; so a candidate in
half precision is judged by what it does with its inputs, and not for their rounding.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

#: Largest error of each dtype, relative to the largest sum of the sizes of the terms; and what it is made of.
TOLERANCES = {
    "float64": (
        1e-9,
        "53 bits are kept; a thousandth of a millionth of the terms is far more than any order of adding",
    ),
    "float32": (
        1e-5,
        "24 bits are kept, 6e-8 of each term; methods that add and subtract in between, as Winograd's "
        "and Fourier's do, lose some hundred times that",
    ),
    "float16": (4e-3, "11 bits are kept, 5e-4 of each term: eight roundings of the largest sum"),
    "bfloat16": (3e-2, "8 bits are kept, 4e-3 of each term: eight roundings of the largest sum"),
}


#: How far, relative to 1 or to the number, rounding may lead apart where no dtype is asked for.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Library:
    """Where the candidate's arrays live.

    Attributes
    ----------
    name : str
        Of a module with ``asarray``, such as "numpy", "cupy", "torch" or "jax.numpy".
    dtype : str
        One of :data:`TOLERANCES`.
    device : str or None
        Of PyTorch's tensors, such as "cuda".
    """

    name: str = "numpy"
    dtype: str = "float64"
    device: str | None = None

    @property
    def module(self) -> ModuleType:
        """The module itself."""
        return importlib.import_module(self.name)

    def check(self, op: str) -> None:
        """Refuse what there is not, before any case is drawn."""
        if not isinstance(self.dtype, str) or self.dtype not in TOLERANCES:
            raise ValueError(f"{op}: dtype={self.dtype!r}; choose one of {', '.join(TOLERANCES)}")
        try:
            module = self.module
        except (ImportError, ValueError, TypeError, AttributeError) as error:  # of no module, and of no name
            raise ValueError(f"{op}: library={self.name!r} cannot be imported ({error})") from None
        if not hasattr(module, "asarray"):
            raise ValueError(f"{op}: library={self.name!r} has no asarray, by which arrays would be made")
        if self.device is not None and not isinstance(self.device, str):
            raise TypeError(f"{op}: device={self.device!r}; a string is needed, such as 'cuda'")
        if self.device is not None and self.name != "torch":
            raise ValueError(
                f"{op}: device={self.device!r} is for library='torch'; others choose theirs themselves"
            )
        if self.dtype == "bfloat16" and not hasattr(module, "bfloat16"):
            raise ValueError(f"{op}: {self.name} has no bfloat16; give library='torch' or 'jax.numpy'")

    def given(self, value: Any) -> Any:
        """Return a value as the candidate gets it: a new array of its library, anything else as it is."""
        if not isinstance(value, np.ndarray):
            return value
        if self.name == "numpy":
            return value.astype(self.dtype) if value.dtype.kind == "f" else value.copy()
        exact = (
            value.astype("float32" if self.dtype == "bfloat16" else self.dtype)
            if value.dtype.kind == "f"
            else value
        )
        array = self.module.asarray(exact.copy())
        if self.dtype == "bfloat16" and value.dtype.kind == "f":
            kind = self.module.bfloat16
            array = array.to(kind) if hasattr(array, "to") else array.astype(kind)
        return array if self.device is None else array.to(self.device)


def rounded(array: Any, dtype: str) -> Any:
    """Round to a dtype, and keep the result in float64.

    Examples
    --------
    >>> rounded(np.array([1 / 3]), "float16")
    array([0.33325195])
    >>> rounded(np.array([1 / 3]), "bfloat16")
    array([0.33398438])
    """
    if dtype != "bfloat16":
        return array.astype(dtype).astype(np.float64)
    bits = array.astype(np.float32).view(np.uint32)  # the upper half of a float32's, rounded to even
    kept = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return kept.view(np.float32).astype(np.float64)


def dtype_of(value: Any) -> str:
    """Return the name of an array's dtype, whatever its library; of a list, that of the array that it makes."""
    return str(value.dtype if hasattr(value, "dtype") else on_host(value).dtype).rpartition(".")[2]


def on_host(value: Any) -> np.ndarray[Any, Any]:
    """Make a NumPy array of a number, a list, a sparse matrix, or an array of any library.

    What is no array of numbers comes back as an object.
    """
    if hasattr(value, "toarray"):
        value = value.toarray()
    if hasattr(value, "detach"):  # PyTorch's, which may hang on a graph, lie on a device, or be a bfloat16
        value = value.detach().cpu()
        value = value.double().numpy() if "float" in str(value.dtype) else value.numpy()
    elif hasattr(value, "get") and hasattr(value, "dtype"):
        value = value.get()
    try:
        if hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray):
            value = np.from_dlpack(value)
        array = np.asarray(value)
    except (ValueError, TypeError, BufferError, RuntimeError):  # rows of different lengths; no array at all
        return np.array(None, object)
    return array.astype(np.float64) if "float" in str(array.dtype) else array


def same(a: Any, b: Any) -> bool:
    """Compare arguments, arrays of any library by value."""
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if hasattr(a, "shape") and hasattr(a, "dtype"):
        a, b = on_host(a), on_host(b)
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    return True


def differences(
    got: np.ndarray[Any, Any], want: np.ndarray[Any, Any], allowed: float | None
) -> np.ndarray[Any, Any]:
    """Return the places where two arrays of one shape differ by more than is allowed."""
    limit = ROUNDING * np.maximum(1, np.abs(want)) if allowed is None else allowed
    with np.errstate(invalid="ignore"):
        far = ~(np.abs(got.astype(float) - want.astype(float)) <= limit)
    return np.argwhere(far & (got != want) & ~((got != got) & (want != want)))
