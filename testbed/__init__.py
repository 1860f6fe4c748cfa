"""Real parts on free ports for the demo, the tests and the benchmarks; whatever is started here is ended here."""
