"""A HistoGAN-style conditional GAN. The layers of the original are not public, so ours differ.

In: the real training images and their classes. Out: images of a class from noise. Read `train.py`
first; `networks.py` is the model from top to bottom, `layers.py` what torch lacks, `augment.py`
what the discriminator sees instead of plain images, `losses.py` the game. `generator.py` is what
the rest of rlsel sees of it.
"""
