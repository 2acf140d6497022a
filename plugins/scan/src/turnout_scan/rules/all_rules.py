"""The rules in the order of the reports."""

from __future__ import annotations

from turnout_scan.rules import (
    direct_call,
    fixed_device,
    load_at_import,
    load_in_handler,
    load_in_loop,
    loop_over_items,
    missing_eval,
    missing_no_grad,
    shared_http_client,
    tensor_crosses_steps,
    transformers_pipeline,
)
from turnout_scan.rules.finding import Rule

RULES: tuple[Rule, ...] = (
    load_at_import.RULE,
    load_in_handler.RULE,
    load_in_loop.RULE,
    direct_call.RULE,
    loop_over_items.RULE,
    fixed_device.RULE,
    tensor_crosses_steps.RULE,
    shared_http_client.RULE,
    missing_eval.RULE,
    missing_no_grad.RULE,
    transformers_pipeline.RULE,
)
