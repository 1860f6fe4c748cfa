"""What all tables of the settings have in common."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """One table: frozen, and without room for keys that nobody knows."""

    # Defaults obey the rules too: what a default may be can depend on another key.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)
