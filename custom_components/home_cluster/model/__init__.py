"""What Kubernetes objects mean for a home: pure functions from records to views.

No I/O, no asyncio, no Home Assistant.
"""
