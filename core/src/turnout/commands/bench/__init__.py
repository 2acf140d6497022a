"""Load measurements of a model's arms, side by side."""

from turnout.commands.bench.command import BenchOptions, BenchResult, bench_file
from turnout.commands.bench.figures import LoadFigures

__all__ = ["BenchOptions", "BenchResult", "LoadFigures", "bench_file"]
