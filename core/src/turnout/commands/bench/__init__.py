"""How fast the arms of a model answer, side by side."""

from turnout.commands.bench.command import Bench, BenchChoice, bench_file
from turnout.commands.bench.figures import LoadFigures

__all__ = ["Bench", "BenchChoice", "LoadFigures", "bench_file"]
