"""The model: assets, operations, checks, environments and the graph between them."""
