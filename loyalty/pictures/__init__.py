"""Pictures that staff or systems bring: of rewards, of products."""
