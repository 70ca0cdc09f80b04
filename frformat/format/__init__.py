"""Read and write the bytes of the format (``spec/format.md``). :mod:`frformat` is the public interface."""
