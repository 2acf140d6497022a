"""Status of each model: its stage of the migration, the evidence for it, and the next command. Opens no model.

A stage is reached if every stage below it is reached too, and evidence shows it:

1. abstract: the model is called by its name; turnout.yaml says which backend runs it.
2. exported: the model repository has a version whose answers were proved: by the exporter before it was published, or by
   ``turnout verify`` since. A proof is about one fingerprint: it says nothing about files that have changed since.
3. served: a server takes part in live requests: as shadow, as canary, or as the serving backend with a fallback. Its answers to
   this version were proved, by ``turnout verify`` or by the shadow itself.
4. tuned: the server is the serving backend, merges requests or runs several instances, has no known difference from the
   settings, and its latency was measured next to another backend's on live requests, by a shadow on either side.
"""

from __future__ import annotations

from turnout.commands.status.command import ModelStatus, status_of_file
from turnout.commands.status.facts import ModelFacts, ParityProof, PublishedVersion, ServerState, ShadowState
from turnout.commands.status.next_step import NextStep
from turnout.commands.status.stages import MigrationStage

__all__ = [
    "MigrationStage",
    "ModelFacts",
    "ModelStatus",
    "NextStep",
    "ParityProof",
    "PublishedVersion",
    "ServerState",
    "ShadowState",
    "status_of_file",
]
