"""The generator: its speed beside a plain one's, and what it makes.

`plain_gan.py` is the peer that `../generator_speed.py` times, `sections.py` has the pages of that
and of `../generator_quality.py`.
"""
