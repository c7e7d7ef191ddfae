"""What is tested: who has logged in, kept in Redis for half an hour after the last visit."""

import secrets

HALF_AN_HOUR = 30 * 60


class Sessions:
    def __init__(self, redis):
        self.redis = redis

    def open(self, user):
        token = secrets.token_hex(16)
        self.redis.set(f"session:{token}", user, ex=HALF_AN_HOUR)
        return token

    def visit(self, token):
        """Who comes, or None; counted if somebody does."""
        user = self.redis.getex(f"session:{token}", ex=HALF_AN_HOUR)
        if user is not None:
            self.redis.incr("visits")
        return user
