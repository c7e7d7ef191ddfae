//! What the stream commands answer, count and tell, as Redis 8.0.2 does.
