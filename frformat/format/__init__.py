"""The file format: bytes ↔ tensors, as ``spec/format.md`` has it. :mod:`frformat` is its public face."""
