"""A package, so that its guarded broker lives as long as its tests run and no longer."""
