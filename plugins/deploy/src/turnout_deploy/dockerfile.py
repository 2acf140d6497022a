"""The Dockerfile of an app, with a second target for its model repository."""

from __future__ import annotations

import json
import re
import shlex

from turnout.errors import ConfigurationError
from turnout_deploy.plan import APP_PORT, USER, Plan

PYTHON_IMAGE, COPY_IMAGE = "python:3.12-slim", "busybox:1.37"
WHEELS = "wheels"
HOME = "/app"
CONFIG = f"{HOME}/turnout.yaml"

_PATH = re.compile(r"[\w.+@-][\w .+@/-]*")

_HEAD = """\
# syntax=docker/dockerfile:1
# Written by 'turnout deploy'. Build it in the folder of turnout.yaml, beside the folder {wheels}/ with the distributions that
# no index has: docker build -f {file} -t {image} .
# No image was built on the machine where this was written; a test runs the install line and the command without a container.
FROM {python} AS app
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp TURNOUT_LOG=info
WORKDIR {home}
RUN --mount=type=bind,source={wheels},target=/{wheels} \\
    pip install --no-cache-dir --disable-pip-version-check --find-links /{wheels} \\
    {distributions}
"""
_TAIL = """\
USER {user}:{user}
EXPOSE {port}
# The token comes from outside, as TURNOUT_SERVE_TOKEN; /health/live and /health/ready ask for none.
ENTRYPOINT ["turnout"]
CMD {command}
"""
_MODELS = """\

# The model repository, in an image that copies it to where Triton reads it: docker build --target models -t {image} .
FROM {copy} AS models
COPY {repository}/ /models/
USER {user}:{user}
"""


def command_words() -> list[str]:
    """Return the words after ``turnout`` that start the server of an app in a container."""
    return ["serve", "--config", CONFIG, "--host", "0.0.0.0", "--port", str(APP_PORT)]  # noqa: S104  # the address of the container


def dockerfile(plan: Plan, file: str) -> str:
    """Return the text of the Dockerfile that is called ``file`` in the folder of turnout.yaml.

    Raises:
        ConfigurationError: turnout.yaml names a file outside its folder.
    """
    _check_files(plan)
    text = _HEAD.format(
        wheels=WHEELS,
        file=file,
        image=plan.image,
        python=PYTHON_IMAGE,
        home=HOME,
        distributions=" ".join(shlex.quote(one) for one in distributions(plan)),
    )
    copied = {plan.needs.file_name: CONFIG} | {name: f"{HOME}/{name}" for name in plan.needs.files}
    text += "".join(f"COPY {json.dumps([name, place])}\n" for name, place in copied.items())
    text += _TAIL.format(user=USER, port=APP_PORT, command=json.dumps(command_words()))
    if plan.has_servers:
        text += _MODELS.format(image=plan.models_image, copy=COPY_IMAGE, repository=plan.repository, user=USER)
    return text


def ignore_file(plan: Plan) -> str:
    """Return the text of the file that keeps everything else out of the build, such as secrets."""
    kept = [plan.needs.file_name, WHEELS, *plan.needs.files, *([plan.repository] if plan.has_servers else [])]
    return "\n".join(
        ["# Written by 'turnout deploy': nothing but these is sent to the builder.", "*", *(f"!{one}" for one in kept), ""]
    )


def distributions(plan: Plan) -> list[str]:
    """Return the requirements of the app's container, with exact versions."""
    named = {one.partition(" ")[0]: one.partition(" ")[2] for one in plan.needs.distributions}
    own = {"turnout": _own_version(), "turnout-web": _own_version()}
    return sorted(f"{name}=={version}" for name, version in (own | named).items())


def _own_version() -> str:
    from turnout import __version__

    return __version__


def _check_files(plan: Plan) -> None:
    if plan.needs.outside:
        raise ConfigurationError(
            f"{plan.needs.source!r} names {plan.needs.outside[0]!r}, which is outside its folder, so no image can contain it; "
            "move it into the folder, and name it from there"
        )
    for path in (plan.needs.file_name, *plan.needs.files):
        if not _PATH.fullmatch(path):
            raise ConfigurationError(
                f"{path!r} cannot be copied into an image: a Dockerfile reads some of its characters as a pattern; rename it "
                "with letters, digits, '.', '_', '-', '+', '@' and spaces"
            )
