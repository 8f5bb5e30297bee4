"""Reports: what a manager reads once a week, made of topics and advice, in five formats with the same figures."""
