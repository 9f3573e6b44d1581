"""The pages that the account team reads: texts, formats, templates and static files."""
