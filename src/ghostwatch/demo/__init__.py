"""`ghostwatch demo`: an incident from the first lost user to the all-clear, on a throw-away server."""
