"""Orders as members, reps and the order desk look at them."""
