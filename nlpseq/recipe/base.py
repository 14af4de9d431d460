"""What every section of a recipe is made of: frozen groups of typed keys."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
Natural = Annotated[int, Field(ge=0)]
Integers = Annotated[tuple[int, ...], Field(strict=False)]
Counts = Annotated[tuple[Count, ...], Field(strict=False)]


class Section(BaseModel):
    """A frozen group of keys; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def refuse(self, keys: Iterable[str], reason: str, name: str = "") -> None:
        """Refuse keys that nothing would read; left at their defaults they say nothing.

        Args:
            keys: of this section.
            reason: why nothing reads them, or what would do.
            name: of this section, where the recipe and not the section itself refuses.

        Raises:
            ValueError: one is set to something else than its default.
        """
        for key in keys:
            default = type(self).model_fields[key].get_default(call_default_factory=True)
            if getattr(self, key) != default:
                place = f"{name}.{key}" if name else key
                raise ValueError(
                    f"{place} = {getattr(self, key)!r}: {reason}; leave it out, or at {default!r}"
                )
