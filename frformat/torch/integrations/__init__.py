"""Integrations with trainers and model hubs. Each module needs the library that it is named after."""
