"""How fast the arms of a model answer, side by side."""

from turnout.bench.figures import LoadFigures
from turnout.bench.measurement import Bench, BenchChoice, bench_file

__all__ = ["Bench", "BenchChoice", "LoadFigures", "bench_file"]
