"""Types of keys, and `Section`, the base class of all sections of a recipe."""

from collections.abc import Collection, Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from nlpseq.errors import suggest
from nlpseq.stored_files import is_plain_name
from nlpseq.wording import abbreviate

# Every number of a schema has both bounds, so that no value overflows or fills the memory after the recipe was read.
Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(ge=1e-12, le=1e6)]
NotNegative = Annotated[float, Field(ge=0, le=1e6)]
Rate = Annotated[float, Field(ge=0, le=1000)]
"""A learning rate."""
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
Natural = Annotated[int, Field(ge=0, le=2**31 - 1)]
SmallCount = Annotated[int, Field(ge=1, le=1000)]
"""A number of layers, heads or hypotheses: each costs time and memory."""
Size = Annotated[int, Field(ge=1, le=65_536)]
"""The size of a vector."""
OptionalSize = Annotated[int, Field(ge=0, le=65_536)]
Length = Annotated[int, Field(ge=1, le=1_000_000)]
"""A number of tokens of one text."""
Integers = Annotated[tuple[Count, ...], Field(strict=False, max_length=1000)]
Counts = Annotated[tuple[SmallCount, ...], Field(strict=False, max_length=1000)]
Names = Annotated[tuple[str, ...], Field(strict=False, max_length=100_000)]


def _check_split_name(name: str) -> str:
    if not is_plain_name(name):
        raise PydanticCustomError(
            "split_name",
            "the name of a split is also that of its files: it has no / and no \\, is not .., and has at most "
            "100 bytes",
        )
    return name


SplitName = Annotated[str, AfterValidator(_check_split_name)]


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
                    f"{full_name} = {abbreviate(getattr(self, key))}: {reason}; leave it out, or set it to {default!r}"
                )
