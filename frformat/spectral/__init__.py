"""Mathematics without files: zigzag order, the DCT, spectra, bases and sparse tensors."""
