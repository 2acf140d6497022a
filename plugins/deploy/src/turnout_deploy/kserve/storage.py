"""The URI of a model repository that KServe copies or mounts."""

from __future__ import annotations

import re

from turnout.errors import ConfigurationError

# Those that KServe's storage initializer and its webhook know, but for paths in an image of one's own.
SCHEMES = ("pvc", "s3", "gs", "https", "http", "hdfs", "webhdfs", "oci", "hf")
_URI = re.compile(rf"(?:{'|'.join(SCHEMES)})://[A-Za-z0-9][A-Za-z0-9._-]*(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9._~%+=:@/-]*)?\Z")
_CREDENTIAL = re.compile(r"[^/]*//[^/]*@|[^?#]*[?#]")


def check_storage(uri: str) -> None:
    """Raise ConfigurationError unless KServe can read ``uri``, and it has no credential."""
    if _CREDENTIAL.match(uri):
        raise ConfigurationError(
            "--storage-uri has a user, a query or a fragment, and a manifest is no place for a credential; write "
            "scheme://place/path, and give KServe the credential in a secret of the service account"
        )
    if not _URI.match(uri):
        known = ", ".join(f"{one}://" for one in SCHEMES)
        raise ConfigurationError(
            f"--storage-uri {uri[:80]!r} is no place that KServe reads; known: {known}. Write, for example, "
            "pvc://turnout-models/model_repository or s3://bucket/model_repository"
        )
