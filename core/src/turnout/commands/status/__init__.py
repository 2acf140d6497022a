"""How far each model has come on its way to a server, what proves that, and what to type next. Opens no model.

A stage is reached when everything below it is reached too, and this can be shown:

1. abstract: the model is called by its name; turnout.yaml says what runs it.
2. exported: a version stands in the model repository, and its answers were proved: by the exporter before it was published, or
   by ``turnout verify`` since. A proof is of one fingerprint: of files that have changed since, it proves nothing.
3. served: a server takes part in live requests: as shadow, as canary, or serving, then with a fallback. Its answers to this
   version were proved, by ``turnout verify`` or by the shadow itself.
4. tuned: the server serves, merges requests or runs several instances by the settings, does not differ from them where it can
   be asked, and its latency was measured beside another backend's on live requests, by a shadow on either side.
"""

from __future__ import annotations

from turnout.commands.status.command import ModelStatus, status_of_file
from turnout.commands.status.facts import ModelFacts, Proof, ServerState, ShadowState, Version
from turnout.commands.status.next_step import NextStep
from turnout.commands.status.stages import Stage

__all__ = [
    "ModelFacts",
    "ModelStatus",
    "NextStep",
    "Proof",
    "ServerState",
    "ShadowState",
    "Stage",
    "Version",
    "status_of_file",
]
