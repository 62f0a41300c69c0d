"""Reports: what a month of recorded signals comes to, as data. app/web/report.py makes pages of it."""
