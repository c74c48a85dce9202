"""What the ports of the core are on real Azure; each module imports its SDK where it is used."""
