"""Reading text as PaddleOCR does: regions of text from a detector's map, upright lines, and CTC decoding."""
