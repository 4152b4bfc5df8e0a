"""The only package that knows AutoGen: its group chat, its client for live models, its code executors."""
