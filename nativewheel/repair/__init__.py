"""Repair in two steps: the planner decides (`plan.py`), `apply.py` carries out."""
