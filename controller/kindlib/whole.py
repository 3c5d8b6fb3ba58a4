"""Parts of a spec that are compared as one value: recursive ones, and those with a short form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import core_schema


@dataclass(frozen=True, slots=True)
class Whole:
    """`Annotated[Any, Whole(lambda: Model)]`: checked by the type, held and compared as plain data.

    of: gives the type (a function, so that a model may hold itself). short: the one member that may
    stand for the whole when no other is set (`geo: [DE]` for `geo: {countries: [DE]}`). brief: it
    is held so, too; else what is compared always has its members. defaults: True keeps members
    that equal their default.

    Members that equal their default are left out otherwise, so that there is one spelling to
    compare: what AWS shows is translated to the same spelling.
    """

    of: Callable[[], Any]
    short: str = ""
    brief: bool = False
    defaults: bool = False

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        checked: core_schema.CoreSchema = core_schema.no_info_after_validator_function(
            self._plain, handler.generate_schema(self.of())
        )
        if self.short:
            checked = core_schema.no_info_before_validator_function(self._long, checked)
        return core_schema.no_info_after_validator_function(
            lambda value: value,
            checked,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value),
        )

    def _long(self, value: Any) -> Any:
        return value if isinstance(value, dict) else {self.short: value}

    def _plain(self, value: Any) -> Any:
        if isinstance(value, BaseModel):
            out = value.model_dump(
                by_alias=True, exclude_none=True, exclude_defaults=not self.defaults
            )
            return out[self.short] if self.brief and set(out) == {self.short} else out
        if isinstance(value, list):
            return [self._plain(item) for item in value]
        return value
