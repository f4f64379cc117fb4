"""Words, tags and corpora; nothing here imports torch."""
