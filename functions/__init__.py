"""One blueprint per trigger, thin: decode, call one thing, return."""
