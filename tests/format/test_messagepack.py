from __future__ import annotations

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat import FrzError
from frformat.cli.dump import msgpack as items
from frformat.format import limits, messagepack
from frformat.format.messagepack import Cursor, Fields

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=40)
    | st.binary(max_size=40)
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=20))
)
documents = st.recursive(
    leaves | st.lists(st.integers(0, 300), min_size=250, max_size=600),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.integers(0, 9) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


def well_formed(data: bytes) -> bool:
    """Return whether ``data`` is one well-formed value according to section 3 of the specification."""

    def visit(at: int, depth: int) -> int:
        item = items.read(data, at)
        if item.kind == "str":
            item.value.decode()
        if not item.nested:
            return item.end
        values = item.value * (2 if item.kind == "map" else 1)
        if depth == limits.DEPTH or values > len(data) - item.end:
            raise items.MalformedError
        end = item.end
        for _ in range(values):
            end = visit(end, depth + 1)
        return end

    try:
        return visit(0, 0) == len(data)
    except (items.MalformedError, UnicodeDecodeError):
        return False


def accepted(data: bytes) -> bool:
    try:
        messagepack.check(data)
    except FrzError as error:
        return error.code != "DIRECTORY"  # any other exception fails the test
    return True


class TestCheck:
    @given(documents)
    def test_packed_values_are_well_formed(self, document: object) -> None:
        data = msgpack.packb(document)
        assert accepted(data)
        assert not accepted(data + b"\0")
        assert not accepted(data[:-1])

    @given(documents, st.data())
    def test_damaged_data_gets_the_same_verdict_as_value_by_value(self, document: object, data: st.DataObject) -> None:
        packed = bytearray(msgpack.packb(document))
        for _ in range(data.draw(st.integers(1, 3))):
            packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
        assert accepted(bytes(packed)) == well_formed(bytes(packed))

    @given(st.binary(max_size=60))
    def test_any_bytes(self, data: bytes) -> None:
        assert accepted(data) == well_formed(data)

    @pytest.mark.parametrize("depth", [15, 16, 17, 40])
    def test_depth(self, depth: int) -> None:
        assert accepted(b"\x91" * (depth - 1) + b"\x90") == (depth <= limits.DEPTH)
        shapes = b"\x91" * (depth - 2) + b"\xdc\x04\x00" + b"\x93\x01\x02\x03" * 1024
        assert accepted(shapes) == (depth <= limits.DEPTH)

    @pytest.mark.parametrize(
        "data",
        [b"\xdd\xff\xff\xff\xff", b"\xdf\x80\0\0\0", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xc1", b""],
    )
    def test_counts_beyond_the_data(self, data: bytes) -> None:
        assert not accepted(data)


class TestCursor:
    def cursor(self, *values: object) -> Cursor:
        return Cursor(b"".join(map(msgpack.packb, values)))

    @given(st.lists(st.integers(0, 2**64 - 1), max_size=600))
    def test_integers(self, values: list[int]) -> None:
        cursor = self.cursor(*values)
        assert cursor.integers(len(values), "it").tolist() == values
        assert [self.cursor(value).uint("it") for value in values[:9]] == values[:9]

    @given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=600))
    def test_signed_integers(self, values: list[int]) -> None:
        assert self.cursor(*values).integers(len(values), "it", signed=True).tolist() == values

    def test_integers_take_little_memory(self) -> None:
        assert self.cursor(*[7] * 5000).integers(5000, "it").dtype == np.uint8

    @pytest.mark.parametrize("count", [3, 600])
    def test_refused_integers(self, count: int) -> None:
        for last, code in (
            (-1, "DIRECTORY"),
            (101, "LIMIT"),
            ("x", "DIRECTORY"),
            (True, "DIRECTORY"),
            (1.0, "DIRECTORY"),
        ):
            with pytest.raises(FrzError) as error:
                self.cursor(*[1] * (count - 1), last).integers(count, "it", 100)
            assert error.value.code == code

    def test_types(self) -> None:
        assert self.cursor("é").text("it") == "é".encode()
        assert self.cursor([1, 2]).array("it") == 2
        assert self.cursor({1: 2}).map("it") == 1
        assert self.cursor(None).nil()
        assert not self.cursor(0).nil()
        for value in ("x", b"x", 1.5, None, [], {}, True, msgpack.ExtType(1, b"")):
            for ask in ("uint", "integer", "array", "map", "text"):
                fits = {"array": list, "map": dict, "text": str}.get(ask)
                if fits is None or not isinstance(value, fits):
                    with pytest.raises(FrzError, match=r"DIRECTORY.*it is of type"):
                        getattr(self.cursor(value), ask)("it")

    def test_any_encoding_of_an_integer(self) -> None:
        for data in (
            b"\x05",
            b"\xcc\x05",
            b"\xcd\0\x05",
            b"\xce\0\0\0\x05",
            b"\xcf" + bytes(7) + b"\x05",
            b"\xd0\x05",
            b"\xd3" + bytes(7) + b"\x05",
        ):
            assert Cursor(data).uint("it") == 5

    def test_fields_ascend(self) -> None:
        assert self.keys(self.cursor({0: 1, 3: [2], 9: 1})) == [0, 3, 9]
        for document in ({1: 0, 0: 0}, {-1: 0}, {"a": 0}):
            with pytest.raises(FrzError, match="DIRECTORY"):
                self.keys(self.cursor(document))

    def keys(self, cursor: Cursor) -> list[int]:
        fields, found = Fields(cursor, "it"), []
        while (key := fields.next()) is not None:
            found.append(key)
            cursor.skip()
        return found
