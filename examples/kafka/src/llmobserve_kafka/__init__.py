"""Batches of llmobserve over Kafka."""
