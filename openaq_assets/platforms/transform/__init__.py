"""Raw objects to Parquet: the recipe, read by a reference decoder and by a fast one."""
