"""Watches one version of an app from inside, in the app's own interpreter.

Run as `python fastapi_grow/probe ORDER.json REPORT.json`, never imported by the tool: nothing here
needs more than the standard library and the app's own FastAPI.
"""
