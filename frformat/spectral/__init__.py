"""The mathematics: zigzag order, DCT, spectra, and sparse tensors. No files."""
