"""Check that ``spec/frz.ksy`` compiles, and that the generated parser reads the container of every vector.

The compiler is downloaded from Maven Central to ``build/kaitai``. Without Maven, or if the download fails, the tests
are skipped.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import zlib
from types import ModuleType
from typing import Any

import kaitaistruct
import msgpack
import pytest

from tests.conformance.expected import FAULTY, VALID, bytes_of
from tests.vectors.appendix import DICTIONARY, ROOT
from tests.vectors.msgpack import Map

HERE = os.path.dirname(os.path.abspath(__file__))
JARS = os.path.join(ROOT, "build", "kaitai")
COPY = ("mvn", "-B", "-q", "-f", os.path.join(HERE, "pom.xml"), "dependency:copy-dependencies")
SEEN_BY_HEADER = {"MAGIC", "VERSION", "HEADER"}


@pytest.fixture(scope="module")
def compiler() -> list[str]:
    """Return the command that runs the compiler."""
    if not (shutil.which("java") and shutil.which("mvn")):
        pytest.skip("needs Java and Maven for the Kaitai Struct compiler")
    if not os.path.isdir(JARS):
        got = subprocess.run([*COPY, f"-DoutputDirectory={JARS}"], capture_output=True, text=True, timeout=300)
        if got.returncode:
            shutil.rmtree(JARS, ignore_errors=True)
            pytest.skip("the Kaitai Struct compiler cannot be fetched from Maven Central")
    return ["java", "-cp", os.path.join(JARS, "*"), "io.kaitai.struct.JavaMain"]


@pytest.fixture(scope="module")
def parser(compiler: list[str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the class of the compiled parser."""
    out = str(tmp_path_factory.mktemp("kaitai"))
    _compile(compiler, out, "python")
    spec = importlib.util.spec_from_file_location("frz", os.path.join(out, "frz.py"))
    assert spec
    assert spec.loader
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Frz


def _compile(compiler: list[str], out: str, *targets: str) -> None:
    options = [part for target in targets for part in ("-t", target)]
    done = subprocess.run(
        [*compiler, *options, "-d", out, os.path.join(ROOT, "spec", "frz.ksy")],
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "warning" not in said, said


def test_the_description_compiles_for_other_languages(compiler: list[str], tmp_path: Any) -> None:
    _compile(compiler, str(tmp_path), "java", "cpp_stl", "javascript", "go", "csharp", "ruby")
    assert len(list(tmp_path.rglob("*rz.*"))) >= 6


def test_every_valid_vector_is_parsed(parser: Any) -> None:
    for entry in VALID:
        data = bytes_of(entry)
        file = parser.from_bytes(data)
        assert file.version == 1
        assert 14 + file.len_directory + 4 + len(file.segments) == len(data)
        assert file.crc_directory == zlib.crc32(data[: 14 + file.len_directory])
        stored = data[14 : 14 + file.len_directory]
        if file.flags.is_deflated:
            assert file.directory.deflated == stored
            assert len(zlib.decompressobj(-15, zdict=DICTIONARY).decompress(stored)) == file.len_inflated
        else:
            assert file.len_inflated == file.len_directory
            if not entry["name"].startswith("ignored"):
                tree = msgpack.unpackb(stored, object_pairs_hook=Map, strict_map_key=False)
                assert _value(file.directory.map) == tree, entry["name"]


def _value(found: Any) -> Any:
    """Convert a parsed MessagePack value, for the types that the schema uses."""
    if found.is_map:
        return Map((_value(pair.key), _value(pair.value)) for pair in found.pairs)
    if found.is_array:
        return [_value(item) for item in found.items]
    if found.is_text:
        return found.text
    if found.is_bin:
        return found.bytes
    if 0xCC <= found.tag <= 0xD3:
        return found.uint if found.tag <= 0xCF else found.int
    if found.tag == 0xC0:
        return None
    return found.tag if found.tag < 0x80 else found.tag - 0x100


def test_a_faulty_header_is_refused(parser: Any) -> None:
    for entry in FAULTY:
        if entry["code"] in SEEN_BY_HEADER or entry["name"].startswith(("limit-stored", "limit-length")):
            with pytest.raises((kaitaistruct.KaitaiStructError, EOFError)):
                parser.from_bytes(bytes_of(entry))
