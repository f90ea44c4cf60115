"""The settings of all stages together, read from YAML.

In: a YAML file, a preset or nested settings. Out: an `Experiment`, or one line that says what is
wrong with the input. Each setting is declared beside the code that uses it. Read `config.py` first.
"""
