"""Properties of the pure core over random fleets, policies and times; `make properties` tries thousands."""
