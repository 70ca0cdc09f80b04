"""A layer whose state dicts have a version."""

from __future__ import annotations

from typing import Any

from torch import nn


class Versioned(nn.Linear):
    """Refuses state dicts without its version, like torchvision's MNASNet."""

    _version = 2

    def _load_from_state_dict(self, state: Any, prefix: str, metadata: Any, *others: Any) -> None:
        if metadata.get("version") != 2:
            raise ValueError(f"version should be 2 instead of {metadata.get('version')}")
        super()._load_from_state_dict(state, prefix, metadata, *others)
