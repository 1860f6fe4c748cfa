"""The report: what was decided and done in a period, counted from the audit, as text, HTML or JSON."""
