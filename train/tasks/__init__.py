"""What each codec brings to the loop."""
