"""Spans of a test, in memory: what they are called, what they hold, and whose children they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Traces:
    """The tracer provider of this process for one test, and the spans that have ended."""

    def __init__(self, **options: Any) -> None:
        self.provider = TracerProvider(**options)
        self._exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("test")

    def install(self, monkeypatch: pytest.MonkeyPatch) -> Traces:
        """Make it the provider of this process until the test ends; the API itself lets nobody do that twice."""
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", self.provider)
        return self

    @property
    def ended(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        """Return the spans called ``name``, the first to start first."""
        return sorted((span for span in self.ended if span.name == name), key=lambda span: span.start_time or 0)

    def one(self, name: str) -> ReadableSpan:
        [span] = self.named(name)
        return span

    def tree(self) -> list[str]:
        """Return the names of all spans, the children of each indented below it, those that started first before others."""
        by_parent: dict[int, list[ReadableSpan]] = {}
        ids = {span.context.span_id for span in self.ended}
        for span in sorted(self.ended, key=lambda span: (span.start_time or 0, span.name)):
            parent = span.parent.span_id if span.parent and span.parent.span_id in ids else 0
            by_parent.setdefault(parent, []).append(span)

        def below(parent: int, depth: int) -> list[str]:
            lines = []
            for span in by_parent.get(parent, []):
                lines += [depth * "  " + span.name, *below(span.context.span_id, depth + 1)]
            return lines

        return below(0, 0)


def links_of(span: ReadableSpan) -> set[int]:
    """Return the ids of the spans that ``span`` is linked to."""
    return {link.context.span_id for link in span.links}


def id_of(span: ReadableSpan) -> int:
    return span.context.span_id
