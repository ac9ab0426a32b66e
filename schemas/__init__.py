"""What flows: every event, header and topic, declared once. Imports nothing of ours outside this folder."""
