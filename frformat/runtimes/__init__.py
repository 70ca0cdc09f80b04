"""Networks without weights for the runtimes of phones, one package each; the weights come from an ``.frz`` file."""
