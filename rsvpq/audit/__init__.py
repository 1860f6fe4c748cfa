"""The audit stream: records of decisions, effects and operator actions."""
