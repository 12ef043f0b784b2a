"""Kafka as the services use it: settings, topics, and consuming without losing anything."""
