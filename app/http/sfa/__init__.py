"""What the SFA calls for its reps."""
