raise SystemExit(0)


# expect: exits.py:1: SystemExit: 0
