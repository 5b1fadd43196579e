"""Campaigns of tools/torture.py: each a module with CASES, LIMIT_SEC, `case(rng, folder)` that says what went wrong."""
