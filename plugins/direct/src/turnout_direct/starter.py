"""The first turnout.yaml of a user with PyTorch models: a captioner and a segmenter from the Hugging Face Hub."""

STARTER = """\
backend: ${INFERENCE_BACKEND:-direct}

models:
  blip_caption:
    backends:
      direct:
        loader: transformers
        class: BlipForConditionalGeneration
        checkpoint: Salesforce/blip-image-captioning-base    # a name on the hub, or a folder
        method: generate
        generate: {max_new_tokens: 20}
      onnxruntime: {path: model_repository/blip_caption}     # turnout export blip_caption --format onnx

  birefnet:
    max_batch_size: 1
    inputs: {pixel_values: "FP32[3,1024,1024]"}    # an export needs the size
    backends:
      direct:
        loader: transformers
        class: AutoModelForImageSegmentation
        checkpoint: ZhengPeng7/BiRefNet
        trust_remote_code: true    # runs the checkpoint's own Python: read it, then pin its commit
        revision: "0000000000000000000000000000000000000000"    # https://huggingface.co/ZhengPeng7/BiRefNet/commits/main
        returns: {logits: -1}
      onnxruntime: {path: model_repository/birefnet}

pipelines:
  describe:
    - load_image
    - segment_regions: {model: birefnet}
    - caption: {model: blip_caption}
"""
