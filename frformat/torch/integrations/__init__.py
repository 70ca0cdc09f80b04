"""Thin connections to trainers and model hubs; each module needs the library that it is named after."""
