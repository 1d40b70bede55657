"""The sidecar: claims notifications, renders them, sends them, and reports how it went.

It decides nothing. `service` starts the parts; `delivery` is the loop that matters; the rest serves it.
"""
