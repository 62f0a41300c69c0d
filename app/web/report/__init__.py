"""Reports for people: the same words and pictures as an HTML page that prints well, and as Markdown."""
