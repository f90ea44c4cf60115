"""The generator beside a plain one: `plain_gan.py` is the peer, `section.py` the page.

`../generator_speed.py` takes the time of both.
"""
