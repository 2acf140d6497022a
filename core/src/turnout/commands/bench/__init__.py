"""Load measurements of a model's or a pipeline's arms, side by side."""

from turnout.commands.bench.command import bench_file
from turnout.commands.bench.figures import LoadFigures
from turnout.commands.bench.options import BenchOptions
from turnout.commands.bench.result import BenchResult

__all__ = ["BenchOptions", "BenchResult", "LoadFigures", "bench_file"]
