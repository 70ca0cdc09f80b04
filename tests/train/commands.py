"""Run several commands in turn in each process that ``torchrun`` starts, because starting them takes seconds.

``torchrun … -m tests.train.commands FOLDER`` runs those of ``FOLDER/commands.json``, a list of lists of arguments, up
to the first that fails. Process *n* writes the exit code, the output and the errors of each to ``FOLDER/n.json``.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import sys
from pathlib import Path

from torch import distributed

from tests.cli.command import frformat


def main(folder: Path) -> None:
    """Run the commands of a folder."""
    rank, size = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
    store = distributed.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
    join = distributed.init_process_group
    outcomes = []
    for number, arguments in enumerate(json.loads((folder / "commands.json").read_text("utf-8"))):
        if number:  # the first group's addresses remain in the store, so others need keys of their own
            own = distributed.PrefixStore(str(number), store)
            distributed.init_process_group = functools.partial(join, store=own, rank=rank, world_size=size)
        outcomes.append(dataclasses.asdict(frformat(*arguments)))
        if outcomes[-1]["code"]:
            break
    (folder / f"{rank}.json").write_text(json.dumps(outcomes), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
