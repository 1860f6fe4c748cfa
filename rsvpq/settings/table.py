"""The base class of all tables of the settings."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """One table: immutable, and without unknown keys."""

    # Defaults are validated too, because another key can make a default invalid.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

    @classmethod
    def key_names(cls) -> tuple[str, ...]:
        """Return its keys as they are written in a file."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())
