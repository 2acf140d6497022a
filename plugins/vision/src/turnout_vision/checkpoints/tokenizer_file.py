"""The tokenizer of a checkpoint: its file, completed by what its class in transformers adds.

transformers builds a tokenizer from its class, and takes only the vocabulary from ``tokenizer.json``. So a file without a
decoder is complete for transformers, and decodes to ``cage ##t ##u .`` where nothing adds the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.errors import ConfigurationError, MissingDependencyError
from turnout.files.limits import TOKENIZER, VOCABULARY
from turnout.files.regular import read_regular_text
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.texts.panics import panics_as_errors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BERTS = frozenset({"Bert", "ConvBert", "DistilBert", "Electra", "LayoutLM", "MobileBert", "SqueezeBert"})
_BERT_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
# The models whose tokenizer is BERT's if their files do not say so.
_BERT_MODELS = frozenset(
    [
        "align",
        "bark",
        "bert",
        "blip",
        "bros",
        "chinese_clip",
        "convbert",
        "distilbert",
        "electra",
        "ernie",
        "flava",
        "git",
        "grounding-dino",
        "layoutlm",
        "megatron-bert",
        "mm-grounding-dino",
        "mobilebert",
        "nezha",
        "nomic_bert",
        "qdqbert",
        "realm",
        "retribert",
        "squeezebert",
        "tvp",
        "vilt",
        "visual_bert",
    ]
)
_BYTE_LEVEL = frozenset({"Bart", "CLIP", "CodeGen", "GPT2", "LED", "Longformer", "OPT", "Qwen2", "Roberta"})
_METASPACE = frozenset({"Albert", "BigBird", "Camembert", "MBart", "Pegasus", "Siglip", "T5", "XLMRoberta", "XLNet"})
_NAMED = (*_BERT_TOKENS, "bos_token", "eos_token")


def read_tokenizer(checkpoint: Checkpoint, named: Mapping[str, Any], model_type: Any) -> Tokenizer:
    """Return the tokenizer of ``checkpoint``; ``named`` is the content of its ``tokenizer_config.json``. May block.

    Raises:
        ConfigurationError: it is missing or broken, or would decode to pieces of words.
    """
    try:
        import tokenizers  # noqa: F401  # the parts below import from it
    except ImportError as error:
        raise MissingDependencyError(
            "a step that reads or writes text needs the package tokenizers; install it: pip install tokenizers"
        ) from error
    kind = _read_kind(named, model_type)
    tokenizer = _load(checkpoint, kind, named)
    if kind in _BERTS:
        _complete_bert(tokenizer, named)
    elif tokenizer.decoder is None:
        tokenizer.decoder = _find_decoder(checkpoint, tokenizer, kind)
    _mark_special(tokenizer, named)
    # A checkpoint saves the padding and truncation of its last use; both would change prompts.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def token_text(token: Any) -> str | None:
    """Return the text of a token as a file writes it: a string, or an object with ``content``."""
    value = token.get("content") if isinstance(token, Mapping) else token
    return value if isinstance(value, str) else None


def _read_kind(named: Mapping[str, Any], model_type: Any) -> str:
    """Return the class of the tokenizer without its suffix, such as ``Bert``; empty if it is a general one."""
    given = named.get("tokenizer_class")
    if isinstance(given, str):
        return "" if given.startswith(("PreTrained", "Tokenizers")) else given.removesuffix("Fast").removesuffix("Tokenizer")
    return "Bert" if model_type in _BERT_MODELS else ""


def _load(checkpoint: Checkpoint, kind: str, named: Mapping[str, Any]) -> Tokenizer:
    from tokenizers import Tokenizer

    file = checkpoint.file("tokenizer.json")
    if file is None:
        vocabulary = checkpoint.file("vocab.txt") if not kind or kind in _BERTS else None
        if vocabulary is not None:
            return _load_vocabulary(checkpoint, vocabulary, named)
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r} has no tokenizer.json; save one with AutoProcessor.save_pretrained, or name "
            "another with `processor:`"
        )
    try:
        # Not by its name: the file is looked at first, and what was looked at is what is read.
        with panics_as_errors():
            return Tokenizer.from_str(read_regular_text(file, TOKENIZER))
    except Exception as error:  # tokenizers raises bare Exception
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r}: {str(file)!r} is not a tokenizer: {error}; save it again"
        ) from error


def _load_vocabulary(checkpoint: Checkpoint, file: Path, named: Mapping[str, Any]) -> Tokenizer:
    """Return the tokenizer of a ``vocab.txt``, which only BERT's have; a line is a token."""
    from tokenizers import Tokenizer, models

    try:
        lines = read_regular_text(file, VOCABULARY).removesuffix("\n").split("\n")
        words = {line: id_ for id_, line in enumerate(lines)}
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r}: {str(file)!r} is not a vocabulary: {error}; save it again"
        ) from error
    tokenizer = Tokenizer(models.WordPiece(words, unk_token=_BERT_TOKENS["unk_token"]))
    _complete_bert(tokenizer, named)
    return tokenizer


def _complete_bert(tokenizer: Tokenizer, named: Mapping[str, Any]) -> None:
    """Set what BertTokenizer sets, whatever the file says."""
    from tokenizers import decoders, normalizers, pre_tokenizers, processors

    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=named.get("tokenize_chinese_chars", True),
        strip_accents=named.get("strip_accents"),
        lowercase=named.get("do_lower_case", True),
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    first, last = (token_text(named.get(key)) or _BERT_TOKENS[key] for key in ("cls_token", "sep_token"))
    ids = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
    if all(id_ is not None for _, id_ in ids):
        tokenizer.post_processor = processors.TemplateProcessing(single=[first, "$A", last], special_tokens=ids)
    tokenizer.add_special_tokens([token for token in _BERT_TOKENS.values() if tokenizer.token_to_id(token) is not None])


def _find_decoder(checkpoint: Checkpoint, tokenizer: Tokenizer, kind: str) -> Any:
    """Return the decoder that the class ``kind`` sets; None where words are joined by spaces.

    Raises:
        ConfigurationError: the vocabulary has pieces of words, and no class says how they are joined.
    """
    from tokenizers import decoders

    if kind in _BYTE_LEVEL:
        return decoders.ByteLevel()
    if kind in _METASPACE:
        return decoders.Metaspace()
    model = type(tokenizer.model).__name__
    pieces = {"WordPiece": "##", "BPE": "Ġ", "Unigram": "▁"}.get(model)
    if model == "WordLevel" or (pieces == "##" and not any(word.startswith("##") for word in tokenizer.get_vocab())):
        return None
    raise ConfigurationError(
        f"checkpoint {checkpoint.name!r}: its tokenizer.json has no decoder, so its texts would show the pieces of words that "
        f"a {model} model joins; name the class in tokenizer_config.json (tokenizer_class: BertTokenizer), or save the "
        "tokenizer again with its decoder"
    )


def _mark_special(tokenizer: Tokenizer, named: Mapping[str, Any]) -> None:
    """Mark the tokens that ``named`` names as special: a decoded text does not show them."""
    extra = named.get("extra_special_tokens") or named.get("additional_special_tokens") or []
    tokens = [named.get(key) for key in _NAMED]
    tokens += list(extra.values() if isinstance(extra, Mapping) else extra)
    texts = [text for token in tokens if (text := token_text(token)) and tokenizer.token_to_id(text) is not None]
    tokenizer.add_special_tokens(texts)
