"""Types of keys, and `Section`, the base class of all sections of a recipe."""

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

    The table is read when a recipe is validated, so entries may be added at any time.

    Args:
        table: the names.
        further: the end of the list in messages: where further names come from.
    """

    def __init__(self, table: Collection[str], further: str = "") -> None:
        self.table = table
        self.further = further

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, name: str) -> str:
        if name not in self.table:
            names = ", ".join(self.table) + self.further + suggest(name, self.table)
            raise PydanticCustomError("choice", "choose {names}", {"names": names})
        return name


class Section(BaseModel):
    """A frozen group of typed keys; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def refuse(self, keys: Iterable[str], reason: str, name: str = "") -> None:
        """Refuse keys that would be ignored, unless they have their defaults.

        Args:
            keys: keys of this section.
            reason: why they are ignored, or what to set instead.
            name: name of this section, if the recipe refuses and not the section itself.

        Raises:
            ValueError: a key does not have its default.
        """
        for key in keys:
            default = type(self).model_fields[key].get_default(call_default_factory=True)
            if getattr(self, key) != default:
                full_name = f"{name}.{key}" if name else key
                raise ValueError(
                    f"{full_name} = {getattr(self, key)!r}: {reason}; leave it out, or set it to {default!r}"
                )
