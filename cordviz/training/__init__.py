"""Train the networks; nothing in the package imports this."""
