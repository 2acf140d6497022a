"""Families of NVIDIA's GPUs. They are read at a scrape, by the process that answers it: no process writes them to a file."""

from __future__ import annotations

from turnout.metrics.declaration import GaugeFamily

_GPU = ("gpu",)

UTILIZATION = GaugeFamily(
    "turnout_gpu_utilization_ratio",
    _GPU,
    "ratio",
    "The share of the time in which a GPU was busy, 0 to 1, as the driver measures it.",
    "livemostrecent",
)
MEMORY_USED = GaugeFamily(
    "turnout_gpu_memory_used_bytes", _GPU, "bytes", "The memory of a GPU that is in use, by all processes.", "livemostrecent"
)
MEMORY_TOTAL = GaugeFamily("turnout_gpu_memory_total_bytes", _GPU, "bytes", "The memory of a GPU.", "livemostrecent")
POWER = GaugeFamily("turnout_gpu_power_watts", _GPU, "watts", "The power that a GPU draws.", "livemostrecent")
