"""The packages of the extra ``turnout-vision[text]``."""

from __future__ import annotations

from importlib.util import find_spec

from turnout import StepDeclaration
from turnout.errors import MissingDependencyError

_PACKAGES = {"cv2": "opencv-python-headless", "pyclipper": "pyclipper"}


def require_text_packages(declaration: StepDeclaration) -> None:
    """Raise MissingDependencyError if a package that finds and cuts lines of text is not installed; imports none."""
    missing = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise MissingDependencyError(
            f"step {declaration.name!r} of pipeline {declaration.pipeline!r} needs {' and '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed; install what is missing: pip install {' '.join(missing)}"
        )
