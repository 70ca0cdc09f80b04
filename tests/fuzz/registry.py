"""All kinds of files to damage."""

from typing import Final

from tests.fuzz.checkpoints import checkpoint_kinds
from tests.fuzz.kinds import Kind
from tests.fuzz.others import other_kinds

KINDS: Final[dict[str, Kind]] = checkpoint_kinds() | other_kinds()
