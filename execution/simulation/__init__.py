"""Agents at work, played through the public HTTP API with tokens, as programs outside would."""
