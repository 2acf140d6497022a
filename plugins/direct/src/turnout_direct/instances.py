"""Instances of a model: the options of each.

Several GPUs follow torch's documentation and are untested.
"""

from __future__ import annotations

from collections.abc import Sequence

from turnout_direct.options import DirectOptions


def instance_options(options: DirectOptions) -> Sequence[DirectOptions]:
    """Return the options of each instance that ``instance_group`` asks for; none without it.

    Raises:
        ModelLoadError: it asks for every GPU, and this process sees none.
    """
    gpus = [gpu for group in options.instance_group for gpu in group.devices()]
    devices = ["cpu" if gpu is None else f"cuda:{gpu}" for gpu in gpus]
    return [options.model_copy(update={"device": device, "instance_group": ()}) for device in devices]
