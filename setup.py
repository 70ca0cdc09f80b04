"""Build the compiled entropy coders. Everything else about the package is in pyproject.toml.

Without a C compiler, the package is installed without them and falls back to Python and NumPy.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

FOLDER = Path("frformat/format/coders/compiled")

# Build one binary for all versions of Python from 3.11, the first whose limited API has buffers. Free-threaded Python
# has no limited API.
LIMITED = sys.version_info >= (3, 11) and not sysconfig.get_config_var("Py_GIL_DISABLED")

setup(
    ext_modules=[
        Extension(
            "frformat.format.coders.compiled._native",
            [
                str(FOLDER / name)
                for name in ("module.c", "planmodule.c", "adaptive.c", "static.c", "planning.c", "counting.c")
            ],
            depends=[str(FOLDER / name) for name in ("coder.h", "values.h", "module.h")],
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if LIMITED else [],
            py_limited_api=LIMITED,
            extra_compile_args=[] if sys.platform == "win32" else ["-std=c99", "-O3"],
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {},
)
