"""A package, so that its engine lives as long as its tests run and no longer."""
