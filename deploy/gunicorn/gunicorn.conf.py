"""gunicorn for an app that uses Turnout. Copy this file beside your app.py, then run: gunicorn app:app.

gunicorn reads the gunicorn.conf.py of the current folder by itself.
"""

import os
import shutil
import tempfile
from pathlib import Path

bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# A thread that waits for a model costs little; each worker opens every model that it runs in its own process.
worker_class = "gthread"
threads = 8
# Longer than the longest timeout of your calls: a worker that is replaced ends its requests first.
graceful_timeout = 30

# The workers write their metrics to this folder, and a scrape adds them up. The app must not be imported before it has a name.
# A reload (HUP) keeps the folder, so counters go on; a new master (USR2) has a folder of its own. After a HUP it inherits the
# name of the old one's, which that one removes: so a name has the number of the master before, which is in GUNICORN_PID.
VARIABLE, PREFIX = "PROMETHEUS_MULTIPROC_DIR", "gunicorn-turnout-metrics-"
OWN = f"{PREFIX}{os.environ.get('GUNICORN_PID', '0')}-"
named = Path(os.environ.get(VARIABLE, "")).name
is_of_old_master = "GUNICORN_PID" in os.environ and named.startswith(PREFIX) and not named.startswith(OWN)
if is_of_old_master or not os.environ.get(VARIABLE):
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix=OWN)
Path(os.environ[VARIABLE]).mkdir(parents=True, exist_ok=True)


def on_exit(server: object) -> None:
    """Remove the folder, unless you have named your own."""
    if Path(os.environ[VARIABLE]).name.startswith(PREFIX):
        shutil.rmtree(os.environ[VARIABLE], ignore_errors=True)
