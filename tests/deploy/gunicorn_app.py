"""A real app for a test: gunicorn serves ``served_app`` with the models of a turnout.yaml."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.deploy.processes import Process, free_port

ROOT = Path(__file__).parents[2]


class GunicornApp(Process):
    """``served_app`` under gunicorn, which reloads ``settings`` when the file changes; a context manager.

    ``GunicornApp(tmp_path / "a", settings, workers=2)``: with several workers their metrics are added up, as in production.
    Its log, and the files of the metrics, are in ``folder``. It is ready when the constructor returns.
    """

    def __init__(self, folder: Path, settings: Path, *, workers: int = 2, threads: int = 4) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.address}"
        self.workers = workers
        self.metrics_folder = folder / "metrics"
        self.metrics_folder.mkdir(parents=True)
        several = {"PROMETHEUS_MULTIPROC_DIR": str(self.metrics_folder)} if workers > 1 else {}
        # The shipped configuration is one for several processes; what follows it has priority.
        shipped = ("--config", str(ROOT / "deploy/gunicorn/gunicorn.conf.py")) if workers > 1 else ()
        super().__init__(
            [
                *(sys.executable, "-m", "gunicorn", "tests.deploy.served_app:application", *shipped),
                *("--chdir", str(ROOT), "--bind", self.address, "--workers", str(workers), "--threads", str(threads)),
                *("--worker-tmp-dir", str(folder), "--graceful-timeout", "2", "--log-level", "warning"),
            ],
            folder / "gunicorn.log",
            {"SERVED_SETTINGS": str(settings), **several},
        )
        self.wait_for(f"{self.url}/metrics")
