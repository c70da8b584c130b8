"""Between the factors of a domain and the numbers that a network puts out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sa_helpers.clay import Factor


@dataclass(frozen=True, kw_only=True)
class _Field:
    """Where one factor stands among the outputs, and how its values are scaled."""

    name: str
    kind: str
    categories: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0

    @property
    def width(self) -> int:
        return len(self.categories) if self.kind == "categorical" else 1


def _number(name: str, values: np.ndarray) -> _Field:
    values = values.astype(np.float64)
    std = max(float(values.std()), 1e-6)
    return _Field(name=name, kind="continuous", mean=float(values.mean()), std=std)


class FactorCoding:
    """Codes factors as one vector a sample: a number, a logit or a logit for each category.

    Continuous factors are standardised, so that degrees and shares weigh alike in the loss.
    """

    def __init__(self, fields: Sequence[_Field]) -> None:
        """Take the fields in the order in which they stand; see `fit` and `from_dict`."""
        self.fields = tuple(fields)

    @classmethod
    def fit(cls, specs: Sequence[Factor], factors: Mapping[str, np.ndarray]) -> "FactorCoding":
        """Make the coding of a domain, scaled by the samples it will be trained on.

        Args:
            specs: Of the domain.
            factors: Name to values [n], as rendering returns them.
        """
        fields = []
        for spec in specs:
            if spec.kind == "continuous":
                fields.append(_number(spec.name, factors[spec.name]))
            else:
                categories = spec.values if spec.kind == "categorical" else ()
                fields.append(_Field(name=spec.name, kind=spec.kind, categories=categories))
        return cls(fields)

    @classmethod
    def of_numbers(cls, values: Mapping[str, np.ndarray]) -> "FactorCoding":
        """Make a coding of continuous factors alone, scaled by values [n] of each."""
        return cls([_number(name, column) for name, column in values.items()])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the factors."""
        return tuple(field.name for field in self.fields)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the numbers in the vector, which are the factor, or `factor=category`."""
        return tuple(
            f"{field.name}={category}" if field.kind == "categorical" else field.name
            for field in self.fields
            for category in (field.categories or ("",))
        )

    @property
    def num_outputs(self) -> int:
        """Length of the vector."""
        return sum(field.width for field in self.fields)

    def encode(self, factors: Mapping[str, np.ndarray]) -> Float[Tensor, "batch factors"]:
        """Targets, one column a factor: standardised values, 0 or 1, or the category's number.

        Raises:
            ValueError: A factor is missing, or a category is unknown.
        """
        missing = [name for name in self.names if name not in factors]
        if missing:
            raise ValueError(f"The factors lack {missing}; expected {list(self.names)}.")
        columns = [self._encode_field(field, factors[field.name]) for field in self.fields]
        return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))

    @staticmethod
    def _encode_field(field: _Field, values: np.ndarray) -> np.ndarray:
        if field.kind == "continuous":
            return (values.astype(np.float64) - field.mean) / field.std
        if field.kind == "binary":
            return values.astype(np.float64)
        unknown = set(values) - set(field.categories)
        if unknown:
            raise ValueError(
                f"{field.name} has the unknown categories {sorted(unknown)}; expected "
                f"{list(field.categories)}."
            )
        return np.array([field.categories.index(value) for value in values], dtype=np.float64)

    def loss(
        self, outputs: Float[Tensor, "batch outputs"], targets: Float[Tensor, "batch factors"]
    ) -> Float[Tensor, ""]:
        """Mean over the factors: smooth L1 for numbers, cross-entropy for the others."""
        losses = []
        for (field, columns), target in zip(
            self._split(outputs), targets.unbind(dim=1), strict=True
        ):
            if field.kind == "continuous":
                losses.append(F.smooth_l1_loss(columns[:, 0], target, beta=0.5))
            elif field.kind == "binary":
                losses.append(F.binary_cross_entropy_with_logits(columns[:, 0], target))
            else:
                losses.append(F.cross_entropy(columns, target.long()))
        return torch.stack(losses).mean()

    def standardise(
        self, numbers: Float[Tensor, "batch numbers"]
    ) -> Float[Tensor, "batch numbers"]:
        """Outputs that `decode` takes back to these numbers; for continuous factors alone."""
        mean, std = (
            numbers.new_tensor([getattr(f, key) for f in self.fields]) for key in ("mean", "std")
        )
        return (numbers - mean) / std

    def decode(self, outputs: Float[Tensor, "batch outputs"]) -> dict[str, np.ndarray]:
        """Name to values in the factor's unit [n], or probabilities [n] or [n, categories]."""
        decoded = {}
        for field, columns in self._split(outputs.float().cpu()):
            if field.kind == "continuous":
                decoded[field.name] = (columns[:, 0] * field.std + field.mean).numpy()
            elif field.kind == "binary":
                decoded[field.name] = columns[:, 0].sigmoid().numpy()
            else:
                decoded[field.name] = columns.softmax(dim=1).numpy()
        return decoded

    def field(self, name: str) -> _Field:
        """How one factor is coded.

        Raises:
            ValueError: No such factor.
        """
        for field in self.fields:
            if field.name == name:
                return field
        raise ValueError(f'There is no factor "{name}"; expected one of {list(self.names)}.')

    def _split(self, outputs: Tensor) -> list[tuple[_Field, Tensor]]:
        widths = [field.width for field in self.fields]
        return list(zip(self.fields, outputs.split(widths, dim=1), strict=True))

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain values, as JSON stores them."""
        return [asdict(field) for field in self.fields]

    @classmethod
    def from_dict(cls, values: Sequence[Mapping[str, Any]]) -> "FactorCoding":
        """Inverse of `to_dict`, also after a trip through JSON."""
        return cls([_Field(**{**v, "categories": tuple(v["categories"])}) for v in values])
