"""What an integration is, as data: schema, loading, building requests, reading answers, checking against a
contract.
"""
