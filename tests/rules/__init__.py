"""The rule drift: its statistics against independent ones, and its life on a real server."""
