"""A package, so that its cluster lives as long as its tests run and no longer."""
