"""A package, so that what its tests share can live as long as they run and no longer."""
