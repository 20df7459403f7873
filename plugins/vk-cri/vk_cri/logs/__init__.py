"""Containers' logs as runtimes write them: one entry a line, with its time, its stream and whether it ends a line.

2026-01-02T03:04:05.123456789Z stdout F the line
"""
