"""ghostwatch: every new user gets every row they must get, or an admin is notified."""
