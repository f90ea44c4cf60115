"""Plain machinery that knows nothing of samples or rewards: files, threads, progress, Ray, cache.

Everything may import it, and it imports nothing of rlsel but `errors`.
"""
