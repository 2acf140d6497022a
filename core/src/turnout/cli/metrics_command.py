"""``turnout metrics``: print or serve the metrics of several processes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from turnout.cli.options import examples
from turnout.cli.printing import print_lines, print_text, print_warning

# That of turnout.metrics, which imports prometheus_client: --help is fast.
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@click.command("metrics", epilog=examples("metrics"))
@click.option(
    "--folder",
    envvar=_VARIABLE,
    type=click.Path(path_type=Path),
    help=f"The folder that the processes write their metrics to; by default that of {_VARIABLE}.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Answer scrapes at /metrics on this port, until Ctrl-C.")
@click.option("--address", default="127.0.0.1", show_default=True, help="The IP address that the port is opened on.")
def command(folder: Path | None, port: int | None, address: str) -> None:
    """Print what a scrape of several processes returns: the sum of what the workers of gunicorn or uvicorn have written.

    The workers write to the folder if PROMETHEUS_MULTIPROC_DIR names it before they start.
    """
    from turnout.commands.shared_metrics import answer_scrapes, read_metrics

    if folder is None:
        raise click.UsageError(f"No folder is named: give --folder, or set {_VARIABLE}.")
    text = read_metrics(folder)
    if not text:
        print_warning(f"no process has written metrics to {folder} yet")
    if port is None:
        print_lines(text)
        return
    with answer_scrapes(folder, address, port) as wait:
        print_text(f"answering http://{address}:{port}/metrics; Ctrl-C stops it", err=True)
        with suppress(KeyboardInterrupt):
            wait()
    print_text("stopped", err=True)
