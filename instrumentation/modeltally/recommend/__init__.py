"""What to do about it: advice with evidence, window and expiry, or a refusal that says why."""
