"""The stages: plain functions over batches, with no Kafka and no HTTP in them."""
