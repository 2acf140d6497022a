"""Metrics of NVIDIA's GPUs, read at each scrape."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from turnout.errors import count_of, one_line
from turnout.forking import Forks
from turnout.metrics.catalogue import gpus as catalogue
from turnout.metrics.declaration import GaugeFamily

logger = logging.getLogger(__name__)

_READ: Mapping[GaugeFamily, Callable[[Any, Any], float]] = MappingProxyType(
    {
        catalogue.UTILIZATION: lambda nvml, device: nvml.nvmlDeviceGetUtilizationRates(device).gpu / 100,
        catalogue.MEMORY_USED: lambda nvml, device: nvml.nvmlDeviceGetMemoryInfo(device).used,
        catalogue.MEMORY_TOTAL: lambda nvml, device: nvml.nvmlDeviceGetMemoryInfo(device).total,
        catalogue.POWER: lambda nvml, device: nvml.nvmlDeviceGetPowerUsage(device) / 1000,
    }
)
_DEVICE = "device"


class Gpus:
    """Reads the GPUs of this machine, all of them, whatever CUDA_VISIBLE_DEVICES shows to a process.

    What cannot be read is absent from the scrape, and logged once until it can be read again. Thread-safe: NVML is, and a set
    changes at once. A forked child starts NVML for itself.
    """

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._started = False
        self._unread: set[tuple[int | None, str]] = set()
        Forks.renew(self)

    def renew(self) -> None:
        """Start NVML again at the next scrape of a forked child."""
        self._started = False

    def count(self) -> int:
        """Return the number of GPUs, and start NVML if that has not been done.

        Raises:
            Exception: NVML's own, if it cannot be started.
        """
        if not self._started:
            self._nvml.nvmlInit()
            self._started = True
        return int(self._nvml.nvmlDeviceGetCount())

    def collect(self) -> Iterator[Metric]:
        """Yield the families that have a value; never raises."""
        families = {family: GaugeMetricFamily(family.name, family.help, labels=family.labels) for family in _READ}
        for index in range(self._try(None, _DEVICE, self.count) or 0):
            device = self._try(index, _DEVICE, partial(self._nvml.nvmlDeviceGetHandleByIndex, index))
            if device is None:
                continue
            for family, read in _READ.items():
                value = self._try(index, family.name, partial(read, self._nvml, device))
                if value is not None:
                    families[family].add_metric([str(index)], value)
        yield from (family for family in families.values() if family.samples)

    def _try(self, gpu: int | None, what: str, read: Callable[[], Any]) -> Any:
        """Return what ``read`` returns; None if it fails."""
        try:
            value = read()
        except Exception as error:  # noqa: BLE001  # a GPU that is lost must not break the scrape of everything else
            if gpu is None:
                self._started = False  # the driver may have been loaded again
            self._log_once(gpu, what, error)
            return None
        self._unread.discard((gpu, what))
        return value

    def _log_once(self, gpu: int | None, what: str, error: Exception) -> None:
        if (gpu, what) in self._unread:
            return
        self._unread.add((gpu, what))
        if type(error).__name__ == "NVMLError_NotSupported":  # a fact about the GPU, and no fault
            logger.info("GPU %s does not report %s, which is absent", gpu, what)
            return
        lost = "turnout_gpu_..." if what == _DEVICE else what
        device = "the GPUs" if gpu is None else f"GPU {gpu}"
        logger.warning("metrics of %s: %s is absent until it can be read again: %s", device, lost, one_line(error))


def find_gpus(nvml: Any = None) -> Gpus | None:
    """Return the GPUs of this machine, or None without any; one log line says what was found, or why there are none.

    ``nvml`` has the functions of nvidia-ml-py, which is imported by default.
    """
    try:
        nvml = nvml or importlib.import_module("pynvml")
        gpus = Gpus(nvml)
        number = gpus.count()
    except ImportError as error:
        _log_absence(f"the package 'nvidia-ml-py' cannot be imported: {one_line(error)}; install it: pip install nvidia-ml-py")
    except Exception as error:  # noqa: BLE001  # whatever NVML finds wrong, the app works without these metrics
        _log_absence(f"NVIDIA's driver does not answer: {one_line(error)}; see what nvidia-smi says, in a container too")
    else:
        if number:
            logger.info("metrics of %s: utilization, memory and power are read at each scrape", count_of(number, "GPU"))
            return gpus
        _log_absence("the driver finds no GPU")
    return None


def _log_absence(reason: str) -> None:
    logger.warning("metrics.gpu is true, but there are no series turnout_gpu_...: %s; or remove metrics.gpu", reason)
