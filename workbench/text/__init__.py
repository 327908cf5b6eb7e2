"""Text from elsewhere: decoded, made plain, and shown without its secrets."""
