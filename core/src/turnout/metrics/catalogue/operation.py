"""Families of the process and of this program itself."""

from __future__ import annotations

from turnout.metrics.declaration import CounterFamily, GaugeFamily

RELOAD_SUCCESS = GaugeFamily(
    "turnout_settings_reload_success",
    (),
    "none",
    "0 while the last reload of turnout.yaml of an open app has failed, or a version folder cannot be opened, else 1.",
    "livemin",
)
# The newest of all workers, so that each of them moves it; the success says whether one is behind.
RELOAD_TIME = GaugeFamily(
    "turnout_settings_reload_success_timestamp_seconds",
    (),
    "seconds",
    "The time of the last successful load of turnout.yaml, at the start or by a reload, in seconds since 1970.",
    "livemax",
)
EXECUTOR_QUEUE = GaugeFamily(
    "turnout_executor_queue_depth",
    ("pool",),
    "tasks",
    "Work that waits for a thread of the app: `inference`, requests of pipelines and event loops; `steps`, of pipelines in an "
    "event loop; `checks`, and copies, of large tensors.",
    "livesum",
)
BUILD_INFO = GaugeFamily("turnout_build_info", ("version",), "none", "1, with the version as a label.", "livemax")

# prometheus_client's ProcessCollector creates these; here they are rows of the page.
_SINGLE = "With several processes: absent."
PROCESS_CPU = CounterFamily("process_cpu_seconds_total", (), "seconds", f"The CPU time of this process. {_SINGLE}")
PROCESS_RESIDENT = GaugeFamily(
    "process_resident_memory_bytes", (), "bytes", f"The resident memory of this process. {_SINGLE}", "livesum"
)
PROCESS_VIRTUAL = GaugeFamily(
    "process_virtual_memory_bytes", (), "bytes", f"The virtual memory of this process. {_SINGLE}", "livesum"
)
PROCESS_START = GaugeFamily(
    "process_start_time_seconds", (), "seconds", f"The start of this process, in Unix time. {_SINGLE}", "livemax"
)
PROCESS_OPEN_FILES = GaugeFamily("process_open_fds", (), "files", f"Open files of this process. {_SINGLE}", "livesum")
PROCESS_MOST_FILES = GaugeFamily("process_max_fds", (), "files", f"The limit of open files. {_SINGLE}", "livemax")
