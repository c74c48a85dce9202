"""What runs in a cluster: namespaces, pods and what their containers do, budgets, volumes, nodes outside every pool."""
