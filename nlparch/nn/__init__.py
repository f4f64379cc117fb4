"""Torch modules and functions with flat keyword-only arguments; nothing here knows a config or a file."""
