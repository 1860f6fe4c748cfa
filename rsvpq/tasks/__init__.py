"""The contract with Celery: task names, queues, what a message carries, and how one delivery is run."""
