"""The services of a cluster: settings, Kafka, and ingest, matcher and query, each a process of its own."""
