"""The bottler's own side: plants, sales offices and routes, and the systems that hold a key."""
