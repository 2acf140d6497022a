"""The limits of the files that Turnout reads: what one of each kind may cost."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class FileLimits:
    """The limits of a kind of file.

    Attributes:
        kind: what the file is, for messages: ``a config.pbtxt``.
        max_bytes: its greatest size.
        max_depth: the greatest nesting of its objects and lists.
        max_values: the greatest number of its values, which decides what JSON costs in memory.
        any_text: texts may have half a character, as the names of files may.
        infinite: NaN and the infinities may be in it, as Python writes them.
    """

    kind: str
    max_bytes: int
    max_depth: int = 64
    max_values: int = 200_000
    any_text: bool = False
    infinite: bool = False


SETTINGS = FileLimits("turnout.yaml", MIB)
STATE = FileLimits("a file of .turnout", MIB)
MANIFEST = FileLimits("the manifest of a recording", 256 * MIB)
MANIFEST_LINE = FileLimits("a line of the manifest of a recording", MIB)
# A record is read whole; no message to a server carries more.
RECORD = FileLimits("a recorded request", 4 << 30)
NOTES = FileLimits("the notes of a recorded request", 4 * MIB)
VALUE = FileLimits("a value of --set", MIB)
MODEL_CONFIG = FileLimits("a config.pbtxt", MIB)
MODEL_DATA = FileLimits("a data file of a config.pbtxt", 1024 * MIB)
# Some classes of transformers write Infinity into config.json.
CHECKPOINT_JSON = FileLimits("a JSON file of a checkpoint", 16 * MIB, infinite=True)
# The largest tokenizers that are published have 34 MB.
TOKENIZER = FileLimits("a tokenizer.json", 64 * MIB, max_values=500_000, infinite=True)
VOCABULARY = FileLimits("a vocab.txt", 16 * MIB)
FONT = FileLimits("a font", 64 * MIB)
LABELS = FileLimits("a file of labels", 16 * MIB)
# protobuf's own limit: the weights of a larger model are in files beside it.
ONNX = FileLimits("an ONNX file", (2 << 30) - 1)
GRAPH = FileLimits("the graph of a .pt2 file", 64 * MIB, max_depth=200, max_values=500_000)
SAMPLES = FileLimits("the sample inputs of a .pt2 file", 1 << 30)
WEIGHTS_HEADER = FileLimits("the header of a safetensors file", 64 * MIB, max_values=2_000_000)
MODEL = FileLimits("a model file", 1 << 40)
REGIONS = FileLimits("a region file", 8_000_000, max_values=400_000)
RESULT_LINE = FileLimits("a line of a results file", 64 * MIB, max_depth=80, max_values=500_000, any_text=True, infinite=True)
BENCH_REPORT = FileLimits("a report of turnout bench", 64 * MIB, max_values=2_000_000)
CERTIFICATE = FileLimits("a PEM file", MIB)
