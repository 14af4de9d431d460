"""What every section of a recipe is made of: frozen groups of typed keys."""

from collections.abc import Collection, Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from nlpseq.errors import suggest

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
Natural = Annotated[int, Field(ge=0)]
Integers = Annotated[tuple[int, ...], Field(strict=False)]
Counts = Annotated[tuple[Count, ...], Field(strict=False)]


class Choices:
    """Restrict a string to the names in a table, for example `Annotated[str, Choices(READERS)]`.

    The table is looked at when a recipe is validated, so entries may be added at any time.
    """

    def __init__(self, table: Collection[str]) -> None:
        self.table = table

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, name: str) -> str:
        if name not in self.table:
            near = suggest(name, self.table)
            raise PydanticCustomError("choice", "choose {names}", {"names": ", ".join(self.table) + near})
        return name


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
