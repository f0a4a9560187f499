"""Who needs whom: platform policies, the search on the build host, the dependency graph, and names."""
