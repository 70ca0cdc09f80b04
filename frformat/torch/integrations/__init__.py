"""Integrations with trainers and model hubs. Each module requires the library after which it is named."""
