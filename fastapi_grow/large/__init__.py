"""The large stage: layers by kind and resource, and what the app's imports call for."""
