"""The lint gate: rules look at wheels and report findings."""
