"""What ``frformat dump`` finds out and shows: the listing, one spectrum, every byte, a picture."""
