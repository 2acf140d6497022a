"""The question above a picture, written as Pix2Struct reads it."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from turnout.errors import ConfigurationError, InvalidInputError
from turnout_vision.brief_text import brief
from turnout_vision.preprocess.geometry import check_size

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

# Those that the models were trained with.
_LINE, _SIZE, _MARGIN = 80, 36, 5
MAX_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class HeaderWriter:
    """Writes a question above a picture, in black on white, as large as transformers writes it. Thread-safe.

    Attributes:
        font: the content of a TrueType file.
        where: the file, in messages.
    """

    font: bytes
    where: str

    def apply(self, pixels: NDArray[np.uint8], question: str) -> NDArray[np.uint8]:
        """Return UINT8 [height, width, 3]: the question, and below it the picture as wide.

        Raises:
            ConfigurationError: the font cannot be read.
            InvalidInputError: the question is too long or not valid Unicode, or the picture would be too large.
        """
        from PIL import Image

        picture, header = Image.fromarray(np.ascontiguousarray(pixels)), self._draw(question)
        width = max(header.width, picture.width)
        heights = [int(each.height * (width / each.width)) for each in (header, picture)]
        check_size((sum(heights), width), pixels.shape[:2])
        page = Image.new("RGB", (width, sum(heights)), "white")
        page.paste(header.resize((width, heights[0])), (0, 0))
        page.paste(picture.resize((width, heights[1])), (0, heights[0]))
        return np.asarray(page)

    def _open_font(self) -> FreeTypeFont:
        from PIL import ImageFont

        try:
            return ImageFont.truetype(BytesIO(self.font), size=_SIZE, encoding="UTF-8")
        except OSError as error:
            raise ConfigurationError(f"{self.where} is not a font that can be read: {error}; download it again") from error

    def _draw(self, question: str) -> Image:
        from PIL import Image, ImageDraw

        _check(question)
        # Not kept: a font of FreeType is used by one thread.
        text, font = "\n".join(wrap(question, _LINE)), self._open_font()
        right, bottom = ImageDraw.Draw(Image.new("RGB", (1, 1))).textbbox((0, 0), text, font=font)[2:]
        image = Image.new("RGB", (int(right) + 2 * _MARGIN, int(bottom) + 2 * _MARGIN), "white")
        ImageDraw.Draw(image).text((_MARGIN, _MARGIN), text, fill="black", font=font)
        return image


def _check(question: str) -> None:
    """Raise InvalidInputError if ``question`` cannot be drawn."""
    if len(question) > MAX_CHARACTERS:
        raise InvalidInputError(
            f"text {brief(question)} has {len(question)} characters; {MAX_CHARACTERS} fit above a picture: shorten it"
        )
    try:
        question.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"text {brief(question)} is not valid Unicode: {error.reason}; fix its encoding") from error
