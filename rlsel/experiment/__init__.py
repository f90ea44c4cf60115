"""What a run depends on: the settings of all stages together, read from YAML.

In: a YAML file, a preset or nested settings. Out: an `Experiment`, or one line that says what is
wrong with it. Each setting is declared beside the code that obeys it; read `config.py` first.
"""
