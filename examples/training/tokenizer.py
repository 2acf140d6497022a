"""The tokenizer of the captioner and the answerer: whole words, lower-cased, with BLIP's special tokens."""

from __future__ import annotations

from examples.training.language import WORDS
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[DEC]")
PAD, UNK, CLS, SEP, DEC = range(len(SPECIAL))
VOCABULARY = (*SPECIAL, *WORDS)


def build() -> Tokenizer:
    """Return the tokenizer; ``encode`` adds [CLS] and [SEP] as BLIP's does."""
    model = WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer
