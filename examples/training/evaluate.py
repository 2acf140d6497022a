"""The scores of the checkpoints on the held-out set, compared with their bars.

python -m examples.training.evaluate --checkpoints examples/checkpoints
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from examples.training import held_out
from examples.training.torch_models import TorchAnswerer, TorchCaptioner, TorchSegmenter


def scores(checkpoints: Path) -> dict[str, float]:
    """Return the score for each bar, computed by torch in FP32."""
    captioner = TorchCaptioner(checkpoints / "captioner")
    return {
        "crops": held_out.caption_score(held_out.crop_cases(), captioner),
        "scenes": held_out.caption_score(held_out.scene_cases(), captioner),
        "questions": held_out.answer_score(held_out.question_cases(), TorchAnswerer(checkpoints / "answerer")),
        "masks": held_out.mask_score(held_out.mask_cases(), TorchSegmenter(checkpoints / "segmenter")),
    }


def main() -> None:
    """Print a line for each bar; exit 1 if a score is below its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path, default=Path("examples/checkpoints"))
    torch.set_num_threads(1)
    reached = scores(parser.parse_args().checkpoints)
    for bar, score in reached.items():
        print(f"{bar:10} {score:.4f} (bar {held_out.BARS[bar]})")
    sys.exit(any(score < held_out.BARS[bar] for bar, score in reached.items()))


if __name__ == "__main__":
    main()
