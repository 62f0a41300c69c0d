"""SAP S/4HANA."""
