"""The architectures that are tried, by task."""

from __future__ import annotations

from benchmarks.compatibility.architecture import Architecture
from benchmarks.compatibility.listed.classification import CLASSIFICATION
from benchmarks.compatibility.listed.depth import DEPTH
from benchmarks.compatibility.listed.detection import DETECTION
from benchmarks.compatibility.listed.embedding import EMBEDDING
from benchmarks.compatibility.listed.generation import GENERATION
from benchmarks.compatibility.listed.pictures import PICTURES
from benchmarks.compatibility.listed.segmentation import SEGMENTATION

ARCHITECTURES: tuple[Architecture, ...] = (
    *CLASSIFICATION,
    *DETECTION,
    *SEGMENTATION,
    *DEPTH,
    *EMBEDDING,
    *PICTURES,
    *GENERATION,
)
