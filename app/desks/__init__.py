"""What people do to alerting and are shown of it: one desk a subject, for the API and the pages."""
