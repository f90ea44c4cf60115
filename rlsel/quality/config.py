"""Settings of the audit."""

from rlsel.schema import config


@config
class AuditConfig:
    """What is done about candidates that are training images in disguise."""

    drop_copies: bool = False
    """Leave out near-copies before anything is learned; else they are shown in the report."""
