"""The part that decides: pure functions on frozen records, without a clock, a network or an SDK."""
