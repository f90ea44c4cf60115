"""How the broker scales: pretended evaluators and episodes, real messages and ledger.

`pretended.py` has the actors, `iteration.py` what one iteration on them measures, `limits.py` how
fast the parts are by themselves, `section.py` the page. `../evaluator_scaling.py` runs it all.
"""
