"""Machinery independent of samples and rewards: files, threads, progress, Ray, cache.

Every package may import it. It imports nothing of rlsel except `errors`.
"""
