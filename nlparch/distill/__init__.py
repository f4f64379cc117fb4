"""Distillation: the mixin that task models use, and where teacher outputs come from."""
