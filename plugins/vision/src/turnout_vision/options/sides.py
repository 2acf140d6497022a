"""The side of a picture, as an option."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Side = Annotated[int, Field(ge=1, le=16_384)]
